/**
 * Cassettes as files. The content is read again bit by bit, old ones too, and a broken end loses that record alone. Blocks with wrong
 * lengths are refused before memory is allocated for them, and a cassette may be larger than memory.
 */
import { mkdtempSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { openCassette } from "#runtime/server/recordings/cassette.js";
import { exchangeRecord, headLine } from "#runtime/server/recordings/cassette-line.js";
import type { Exchange } from "#runtime/server/recordings/exchange.js";
import { createMatcher } from "#runtime/server/recordings/match.js";
import { readCassette } from "./read-cassette.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-cassette-"));
const HEAD = headLine("grpc://somewhere:8001", { name: "triton", version: "2.73.0" });

const exchangeOf = (
  inputs: Exchange["inputs"],
  outputs: Exchange["inputs"] = [],
  rest: Partial<Exchange> = {},
): Exchange => ({
  protocol: "grpc",
  model: "m",
  version: "",
  id: "",
  parameters: new Map(),
  headers: {},
  inputs,
  outputs: [],
  stream: false,
  answers: [{ ms: 1.5, version: "1", parameters: new Map(), outputs }],
  line: 0,
  ...rest,
});

const bytesOf = (exchange: Exchange): Buffer => {
  const { line, blocks } = exchangeRecord(exchange);
  return Buffer.concat([Buffer.from(`${line}\n`), ...blocks, ...(blocks.length > 0 ? [Buffer.from("\n")] : [])]);
};

const written = (name: string, exchanges: readonly Exchange[], end: Uint8Array | string = ""): string => {
  const file = join(folder, `${name}.cassette`);
  writeFileSync(file, Buffer.concat([Buffer.from(`${HEAD}\n`), ...exchanges.map(bytesOf), Buffer.from(end)]));
  return file;
};

const floats = (name: string, values: Float32Array, shape = [values.length]) => ({
  name,
  datatype: "FP32",
  shape,
  data: new Uint8Array(values.buffer),
});
const tensor = fc
  .record({
    name: fc.string({ minLength: 1 }),
    bits: fc.uint8Array({ maxLength: 400 }),
    datatype: fc.constantFrom("UINT8", "BOOL", "FP16", "FP32", "INT64", "BYTES"),
  })
  .map(({ name, bits, datatype }) => {
    const size = { UINT8: 1, BOOL: 1, FP16: 2, FP32: 4, INT64: 8, BYTES: 1 }[datatype]!;
    if (datatype === "BYTES") {
      const packed = Buffer.alloc(4 + bits.length);
      packed.writeUInt32LE(bits.length);
      packed.set(bits, 4);
      return { name, datatype, shape: [1], data: new Uint8Array(packed) };
    }
    const count = Math.floor(bits.length / size);
    return { name, datatype, shape: [count], data: bits.slice(0, count * size) };
  });
const parameter = fc.oneof(fc.boolean(), fc.string(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const exchange = fc
  .record({
    inputs: fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 4 }),
    outputs: fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 4 }),
    parameters: fc.array(fc.tuple(fc.string(), parameter), { maxLength: 3 }),
    id: fc.string(),
  })
  .map(({ inputs, outputs, parameters, id }) => exchangeOf(inputs, outputs, { parameters: new Map(parameters), id }));
/** Data as plain bytes, whatever memory they are a part of. */
const plain = ({ line: _, ...rest }: Exchange) => {
  const all = (tensors: Exchange["inputs"]) => tensors.map(one => ({ ...one, data: [...one.data] }));
  return { ...rest, inputs: all(rest.inputs), answers: rest.answers.map(a => ({ ...a, outputs: all(a.outputs) })) };
};

test("the content is read again, bit by bit; line feeds and braces in tensors are not lines", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(exchange, { maxLength: 5 }), async exchanges => {
      const { exchanges: found, broken } = await readCassette(written("round", exchanges));
      expect(broken).toBeUndefined();
      expect(found.map(plain)).toEqual(exchanges.map(plain));
    }),
    { numRuns: 200, examples: [[[exchangeOf([], [], { parameters: new Map([["__proto__", "kept"]]) })]]] },
  );
});

test("wherever the file ends, what is whole is read, and what is missing is said", async () => {
  const exchanges = [1, 2, 3].map(n => exchangeOf([floats("x", new Float32Array(100).fill(n))]));
  const whole = readFileSync(written("whole", exchanges));
  const ends = exchanges.map((_, i) => HEAD.length + 1 + Buffer.concat(exchanges.slice(0, i + 1).map(bytesOf)).length);
  for (let length = HEAD.length + 1; length <= whole.length; length += 23) {
    const file = join(folder, "cut.cassette");
    writeFileSync(file, whole.subarray(0, length));
    const { exchanges: found, broken } = await readCassette(file);
    // The line feed behind the blocks ends nothing that is missing.
    const kept = ends.filter(end => end - 1 <= length).length;
    expect(found, `${length} bytes`).toHaveLength(kept);
    const isWhole = ends.some(end => end === length || end - 1 === length) || length === HEAD.length + 1;
    expect(broken === undefined, `${length} bytes: ${broken}`).toBe(isWhole);
  }
});

test("version 1, whose tensors are packed into the lines, is read", async () => {
  const x = new Float32Array(100).fill(1.5);
  const packed = { name: "x", datatype: "FP32", shape: [100], gzip: gzipSync(x).toString("base64") };
  const { line } = exchangeRecord(exchangeOf([]));
  const file = join(folder, "old.cassette");
  const head = JSON.stringify({ format: "merlon/cassette", version: 1, server: { name: "triton", version: "2.51.0" } });
  writeFileSync(file, `${head}\n${JSON.stringify({ ...JSON.parse(line), inputs: [packed] })}\n`);
  const { exchanges } = await readCassette(file);
  expect(exchanges[0]!.inputs[0]!.data).toEqual(new Uint8Array(x.buffer));
});

describe("records that lie are refused by line, without the memory they claim", () => {
  const good = JSON.parse(exchangeRecord(exchangeOf([floats("x", new Float32Array(100))])).line);
  const read = async (line: object, behind: string | Uint8Array = new Uint8Array(400)): Promise<unknown> =>
    readCassette(
      written(
        "lies",
        [],
        Buffer.concat([Buffer.from(`${JSON.stringify(line)}\n`), Buffer.from(behind), Buffer.from("\n")]),
      ),
    );
  test.each([
    [
      "fewer bytes than its shape",
      { ...good, inputs: [{ ...good.inputs[0], shape: [101] }] },
      /:2: a tensor can't be read: `x` has 400 bytes, and FP32 \[101\] takes 404/,
    ],
    [
      "more bytes than are there",
      { ...good, inputs: [{ ...good.inputs[0], bytes: 4e15, shape: [1e15] }] },
      /more bytes than the 400 behind the line/,
    ],
    ["fewer than are there", { ...good, inputs: [] }, /have 0 of the 400 bytes behind the line/],
    ["a negative length", { ...good, blocks: -1 }, /:2: blocks: /],
    ["blocks that end before the line feed", { ...good, blocks: 396 }, /more than 396 bytes follow the line/],
    [
      "a bomb of version 1",
      {
        ...good,
        blocks: 0,
        inputs: [{ name: "x", datatype: "FP32", shape: [1], gzip: gzipSync(Buffer.alloc(1e8)).toString("base64") }],
      },
      /:2: a tensor can't be read/,
    ],
    [
      "an unknown datatype",
      { ...good, inputs: [{ ...good.inputs[0], datatype: "FP31" }] },
      /there is no datatype "FP31"/,
    ],
    ["an integer that is none", { ...good, parameters: { a: { int: "x" } } }, /:2: parameters.a.int: /],
  ])("%s", async (name, line, reason) => {
    await expect(read(line, name.includes("bomb") ? "" : undefined)).rejects.toThrow(reason);
  });
  test("blocks beyond the end of the file are a broken end", async () => {
    const file = written("beyond", [], `${JSON.stringify({ ...good, blocks: 2 ** 52 })}\n`);
    expect(await readCassette(file)).toMatchObject({
      exchanges: [],
      broken: expect.stringContaining(":2: the file ends"),
    });
  });
  test("a path that is not a file", async () => {
    await expect(openCassette(folder)).rejects.toThrow("is not a file");
  });
});

test("a file that shrinks while it is open is refused by name", async () => {
  const file = written("shrinks", [exchangeOf([floats("x", new Float32Array(1000))])]);
  const cassette = await openCassette(file);
  truncateSync(file, 2000);
  await expect(cassette.read(cassette.entries[0]!)).rejects.toThrow("shrinks.cassette:2: the file is shorter");
  await cassette.close();
});

describe("equal requests", () => {
  const x = (n: number) => floats("x", Float32Array.of(n));
  const wanted = (n: number, outputs: readonly string[] = []) => ({
    inputs: new Map([["x", x(n)]]),
    parameters: new Map(),
    outputs: new Set(outputs),
  });
  const open = async (exchanges: readonly Exchange[]) => {
    const cassette = await openCassette(written("equal", exchanges));
    onTestFinished(() => cassette.close());
    return createMatcher(cassette, cassette.entries, "strict");
  };

  test("are answered in their order, also when they are concurrent; the last one is repeated", async () => {
    const match = await open([0, 1, 2].map(n => exchangeOf([x(5)], [], { id: String(n) })));
    const found = await Promise.all(Array.from({ length: 5 }, () => match(wanted(5))));
    expect(found.map(one => one.exchange?.id)).toEqual(["0", "1", "2", "2", "2"]);
  });
  test("with other outputs are passed over, and answer who wants them", async () => {
    const y = floats("y", Float32Array.of(1));
    const z = floats("z", Float32Array.of(2));
    const match = await open([
      exchangeOf([x(5)], [y], { id: "y", outputs: ["y"] }),
      exchangeOf([x(5)], [z], { id: "z", outputs: ["z"] }),
    ]);
    expect((await match(wanted(5, ["z"]))).exchange?.id).toBe("z");
    expect((await match(wanted(5, ["y"]))).exchange?.id).toBe("y");
    expect((await match(wanted(5, ["w"]))).exchange).toBeUndefined();
  });
});
