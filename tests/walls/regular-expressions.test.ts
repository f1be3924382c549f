/**
 * Regular expressions take time linear in the text: those of operators by RE2's engine, ours by their form.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { readForest } from "#compiler/forest/read-forest.js";
import { parseUbjson } from "#compiler/forest/ubjson.js";
import { parseTextMessage } from "#formats/bytes/text-message.js";
import { parseJsonText } from "#runtime/client/http/json-text.js";
import { headerPattern } from "#runtime/server/transport/header-forwarding.js";
import { compilePattern } from "#runtime/server/transport/user-pattern.js";
import { readJsonMessage } from "#triton-protos/json-message/read-json-message.js";
import { shapeOf } from "#triton-protos/message-shape.js";
import { decode, encode } from "#triton-protos/proto-root.js";
import { repository, startServer } from "../runtime/server/support.js";
import { findPump, literalsIn } from "./support/regexp-literals.js";

const root = new URL("../..", import.meta.url).pathname;
/** Seconds of CPU of this process. */
async function cpuSeconds(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
const refusal =
  (work: () => unknown): (() => void) =>
  () =>
    expect(work).toThrow();

describe("patterns in the sources", () => {
  /** Super-linear ones whose text is ours or the operator's own, with the reason. */
  const REVIEWED: Readonly<Record<string, string>> = {
    "compiler/2-check/reword.ts": "messages of the TypeScript compiler about the author's program",
    "cli/project-config.ts": "the tsconfig.json of the author's project",
    "cli/ui/page/tensor-text.ts": "what a person types into the page",
    "compiler/diagnostics/fixes.ts": "the author's program",
    "runtime/base/missing-package.ts": "errors of Node's loader",
    "runtime/server/models/way-out.ts": "texts of at most 4,000 characters",
    "cli/project-typescript.ts": "the tsconfig.json of the author's project",
    "compiler/migrate/arithmetic.ts": "what lies between two operands of the author's program",
    "compiler/place-faults.ts": "stack traces of the author's program",
    "runtime/server/backends/javascript/complete.ts": "the source of a model, which runs in the server anyway",
    "runtime/etl/import/nvtabular-artefacts.ts": "names of files, which have 255 bytes",
    "runtime/testing/create-test-server.ts": "log lines of the test's own server",
    "triton-protos/message-shape.ts": "names of our descriptors",
  };

  test.each([
    ['"(?:[^"\\\\]|\\\\.)*"|\\bNaN\\b', "g"],
    ["\\/+$", ""],
    ["'shape': \\(([^)]*)\\)", ""],
    ["^[+-]?\\d*\\.?\\d*(?:[eE][+-]?\\d+)?$", ""],
    ["\\.(.+)$", ""],
    ["\\s*\\n\\s*", "g"],
  ])("the search for super-linear ones finds /%s/%s", (source, flags) => {
    expect(findPump({ source, flags })).toBeDefined();
  });

  test("all others are linear on pumped inputs", () => {
    const literals = literalsIn(root, [
      "cli",
      "compiler",
      "contract",
      "formats",
      "operators",
      "runtime",
      "triton-protos",
    ]);
    expect(literals.length).toBeGreaterThan(300);
    const found = literals.flatMap(literal => {
      if (REVIEWED[literal.at.replace(/:\d+$/, "")]) return [];
      const pump = findPump(literal);
      return pump === undefined ? [] : [`${literal.at} /${literal.source}/${literal.flags} on ${JSON.stringify(pump)}`];
    });
    expect(found).toEqual([]);
  }, 180_000);
});

describe("texts that took quadratic time", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-regexp-"));
  const file = (text: string | Uint8Array): string => {
    const path = join(folder, "model.json");
    writeFileSync(path, text);
    return path;
  };
  test.each([
    ["an XGBoost file of quotes", refusal(() => readForest(file(`{"a": NaN, ${'\\"'.repeat(60_000)}`)))],
    ["an XGBoost file of escapes", refusal(() => readForest(file(`{"a": NaN, "${'"\\\n'.repeat(40_000)}`)))],
    ["JSON that a client reads", refusal(() => parseJsonText(`{"a": NaN, ${'\\"'.repeat(60_000)}`))],
    [
      "a number of a configuration as JSON",
      refusal(() => readJsonMessage(shapeOf("inference.ModelConfig"), `{"max_batch_size":"${"0".repeat(200_000)}x"}`)),
    ],
  ])("%s", async (_, work) => {
    expect(await cpuSeconds(work)).toBeLessThan(2);
  });

  test("numbers without a JSON word are still read, and words in strings stay", () => {
    const path = file('{"learner": {"a": "NaN \\" Infinity", "b": [NaN, -Infinity, Infinity]}}');
    expect(() => readForest(path)).toThrow(/learner/);
    expect(() => readForest(path)).not.toThrow(/not a whole model/);
  });

  test("a UBJSON file has no more values than bytes", () => {
    const part = Buffer.concat([Buffer.from("$Z#l"), Buffer.from([0, 0, 15, 0])]);
    const bytes = Buffer.concat([Buffer.from("[$[#l\0\0\x03\0", "latin1"), ...Array(768).fill(part)]);
    expect(() => parseUbjson(bytes)).toThrow(/more values than the file has bytes/);
  });

  test("a forest has no more outputs than a file can mean", () => {
    const text = `tree\nversion=v4\nnum_tree_per_iteration=2000000000\nmax_feature_idx=1\nobjective=regression\n\nend of trees\n`;
    expect(() => readForest(file(text))).toThrow(
      /num_tree_per_iteration is "2000000000"; expected a whole number from 1 to 1000000/,
    );
  });

  test("messages in text form nest at most 100 deep, and have any field names", () => {
    expect(() => parseTextMessage("a{".repeat(50_000))).toThrow(/at most 100 messages/);
    expect(Object.keys(parseTextMessage('__proto__: "x" constructor: 1'))).toEqual(["__proto__", "constructor"]);
  });
});

describe("header patterns", () => {
  test("a pattern that backtracks takes linear time", async () => {
    const pattern = (await headerPattern("x-([a-z]+)*", () => {}))!;
    const name = `x-${"a".repeat(50_000)}!`;
    expect(await cpuSeconds(() => expect(pattern.test(name)).toBe(false))).toBeLessThan(2);
    expect([pattern.test("x-abc"), pattern.test("X-ABC"), pattern.test("ax-abc"), pattern.test("x-a1")]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("the syntax is RE2's", async () => {
    const reports: string[] = [];
    const matches = async (source: string, name: string): Promise<boolean | undefined> =>
      (await headerPattern(source, text => void reports.push(text)))?.test(name);
    expect(await matches("(?i)x-.*", "X-a")).toBe(true);
    expect(await matches("(?P<name>x-\\pL+)", "x-é")).toBe(true);
    expect(await matches("x-[[:alpha:]]+", "x-abc")).toBe(true);
    expect(reports).toEqual([]);
    for (const source of ["x-(", "(?=x)x", "(x)\\1", "*", "x{1001}"])
      expect(await matches(source, "x"), source).toBeUndefined();
    expect(reports).toHaveLength(5);
    expect(reports[0]).toContain("header forward pattern 'x-(' is not a regular expression of RE2");
    expect(reports[0]).toContain("missing closing )");
  });

  test("many names do not fill the memory", async () => {
    const pattern = await compilePattern("a+");
    for (let i = 0; i < 2000; i++) pattern.test(`b${i}`);
    expect([pattern.test("aaa"), pattern.test("b7"), pattern.test("b1999")]).toEqual([true, false, false]);
  });

  test("both protocols forward by it", async () => {
    const model = `export const execute = requests => requests.map(r => ({ outputs: [{ name: "OUT", datatype: "BYTES", shape: [1], data: [JSON.stringify(r.parameters)] }] }));`;
    const config = `name: "m" backend: "javascript" input [ { name: "IN" data_type: TYPE_INT32 dims: [ 1 ] } ] output [ { name: "OUT" data_type: TYPE_STRING dims: [ 1 ] } ]`;
    const server = await startServer(repository([], { "m/config.pbtxt": config, "m/1/model.mjs": model }), {
      httpHeaderForwardPattern: "x-([a-z]+)*",
      grpcHeaderForwardPattern: "x-([a-z]+)*",
    });
    try {
      const long = `x-${"a".repeat(4000)}1`;
      const headers = { "x-abc": "1", [long]: "2" };
      const inputs = [{ name: "IN", shape: [1], datatype: "INT32", data: [1] }];
      const answer = await server.json("/v2/models/m/infer", {
        method: "POST",
        body: JSON.stringify({ inputs }),
        headers,
      });
      const { outputs } = answer.body as { outputs: { data: string[] }[] };
      expect(outputs[0]!.data[0]).toContain('"x-abc":"1"');
      expect(outputs[0]!.data[0]).not.toContain('"2"');
      const client = new grpc.Client(`127.0.0.1:${server.ports.grpc}`, grpc.credentials.createInsecure());
      const metadata = new grpc.Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      const message = encode("inference.ModelInferRequest", {
        model_name: "m",
        inputs: [{ name: "IN", shape: [1], datatype: "INT32", contents: { int_contents: [1] } }],
      });
      const same = (bytes: Buffer): Buffer => bytes;
      const bytes = await new Promise<Buffer>((resolve, reject) =>
        client.makeUnaryRequest(
          "/inference.GRPCInferenceService/ModelInfer",
          same,
          same,
          Buffer.from(message),
          metadata,
          (error, given) => (error ? reject(error) : resolve(given!)),
        ),
      );
      client.close();
      const [raw] = decode("inference.ModelInferResponse", bytes).raw_output_contents;
      expect(Buffer.from(raw!).toString()).toContain('"x-abc":"1"');
    } finally {
      await server.stop();
    }
  });
});
