/**
 * The cost of bodies over HTTP: CPU time and memory by their size on the wire, no long stretch of work, nothing after a disconnect.
 */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectWithin } from "./support/attempts.js";
import { idle } from "./support/idle.js";
import { allowedFor, type Cost, type Metered, startMetered } from "./support/meter.js";

const config = (name: string, type: string): string => `name: "${name}" backend: "identity"
input [ { name: "INPUT0" data_type: TYPE_${type} dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_${type} dims: [ -1 ] } ]`;
const files = Object.fromEntries(
  ["INT32", "INT64", "FP32", "STRING"].flatMap(type => [
    [`echo_${type}/config.pbtxt`, config(`echo_${type}`, type)],
    [`echo_${type}/1/.keep`, ""],
  ]),
);

let target: Metered;
beforeAll(async () => {
  target = await startMetered({
    files,
    heapMb: 1024,
    options: { modelControlMode: "explicit", loadModels: ["*"] },
  });
  const good = JSON.stringify({ inputs: [{ name: "INPUT0", shape: [4], datatype: "INT32", data: [1, 2, 3, 4] }] });
  for (let i = 0; i < 200; i++) await target.post(infer("INT32"), good);
});
afterAll(() => target.stop());

const infer = (type: string): string => `/v2/models/echo_${type}/infer`;
const MIB = 2 ** 20;
/** The machine may be busy: CPU time is longer where processes share a core's caches and threads. */
const BUSY = 3;
/** The young generation of V8's heap grows once, by up to three halves of 16 MiB, for any input. */
const YOUNG_MB = 48;
/** A stretch that no request may exceed, and the same where others share the machine. */
const LONGEST_STRETCH_MS = 50 * BUSY;

/** As many items as fill a body of the size. */
function filled(size: number, head: string, item: (i: number) => string, tail: string): Buffer {
  const items: string[] = [];
  let length = head.length + tail.length;
  for (let i = 0; length < size; i++) {
    const text = item(i);
    items.push(text);
    length += text.length + 1;
  }
  return Buffer.from(head + items.join(",") + tail);
}

/** A tensor of this number of equal elements. */
function tensor(size: number, element: string, datatype: string): Buffer {
  const count = Math.floor(size / (element.length + 1));
  const head = `{"inputs":[{"name":"INPUT0","shape":[${count}],"datatype":"${datatype}","data":[`;
  const elements = Buffer.alloc(count * (element.length + 1), `${element},`);
  return Buffer.concat([Buffer.from(head), elements.subarray(0, -1), Buffer.from("]}]}")]);
}

const inData = (element: string, datatype = "INT32") => [
  infer("INT32"),
  (size: number) => tensor(size, element, datatype),
];
const list = (head: string, item: (i: number) => string, tail: string, path = infer("INT32")) => [
  path,
  (size: number) => filled(size, head, item, tail),
];

describe("the cost of a body follows from its size", () => {
  test.each([
    ["empty inputs", ...list('{"inputs":[', () => "{}", "]}")],
    [
      "inputs without elements",
      ...list('{"inputs":[', i => `{"name":"${i}","shape":[1],"datatype":"INT32","data":[]}`, "]}"),
    ],
    [
      "inputs with one element",
      ...list('{"inputs":[', i => `{"name":"${i}","shape":[1],"datatype":"INT32","data":[7]}`, "]}"),
    ],
    ["outputs", ...list('{"inputs":[],"outputs":[', i => `{"name":"${i}"}`, "]}")],
    ["parameters", ...list('{"inputs":[],"parameters":{', i => `"${i.toString(36)}":1`, "}}")],
    ["unknown members", ...list("{", i => `"${i.toString(36)}":1`, "}")],
    ["objects", ...list('{"unknown":[', () => "{}", "]}")],
    ["lists", ...list('{"unknown":[', () => "[1]", "]}")],
    ["dimensions", ...list('{"inputs":[{"name":"INPUT0","datatype":"INT32","data":[],"shape":[', () => "1", "]}]}")],
    ["objects as elements", ...inData("{}")],
    ["lists as elements", ...inData("[]")],
    ["lists of one number", ...inData("[1]")],
    ["lists in lists", ...inData("[".repeat(90) + "]".repeat(90))],
    ["elements of all kinds", ...inData('1,true,"a",null,[1.5]')],
    ["numbers of few digits", ...inData("1")],
    ["numbers that take long arithmetic", ...inData("1e-300", "FP64")],
    ["whole numbers that no double holds", ...inData("12345678901234567890", "UINT64")],
    ["words", ...inData("NaN", "FP32")],
    ["empty strings", ...inData('""', "BYTES")],
    ["escapes", ...inData('"\\u0041"', "BYTES")],
    [
      "members of a generate request",
      ...list("{", i => `"${i.toString(36)}":1`, "}", "/v2/models/echo_INT32/generate"),
    ],
    ["lists sent to the index", ...list('{"a":[', () => "[1]", "]}", "/v2/repository/index")],
    [
      "files of a load request",
      ...list('{"parameters":{', i => `"file:${i}":""`, "}}", "/v2/repository/models/echo_INT32/load"),
    ],
  ] as [string, string, (size: number) => Buffer][])("%s", async (_, path, make) => {
    const body = make(2 * MIB);
    // The first takes the time of compiling the code.
    const measure = async (): Promise<Cost> => {
      await target.collect();
      return target.measure(() => target.post(path, body));
    };
    await measure();
    const { cpuMs, peakMb } = allowedFor(body.length);
    await expectWithin(measure, { cpuMs: BUSY * cpuMs, peakMb: peakMb + YOUNG_MB, stallMs: LONGEST_STRETCH_MS });
  });
});

describe("the cost of a compressed body follows from its size", () => {
  test.each([
    ["objects", "{},"],
    ["zeros", "\0"],
    ["numbers", "1,"],
  ])("%s", async (_, text) => {
    const packed = gzipSync(Buffer.alloc(60 * MIB, text));
    const headers = { "Content-Encoding": "gzip" };
    const measure = async (): Promise<Cost> => {
      let answered = 0;
      const cost = await target.measure(async () => {
        const all = Array.from({ length: 20 }, () => target.post(infer("INT32"), packed, headers));
        for (const { status, body } of await Promise.all(all))
          if (status === 400 && body.includes("Decompressed")) answered++;
      });
      expect(answered).toBe(20);
      return cost;
    };
    // Counted by its unpacked limit, a mebibyte and 16 times its size.
    const unpacked = 20 * (MIB + 16 * packed.length);
    await expectWithin(measure, { cpuMs: BUSY * allowedFor(unpacked).cpuMs, peakMb: unpacked / MIB + YOUNG_MB });
  });

  test("a body that unpacks to what its size allows is answered", async () => {
    const body = tensor(MIB, "1.25", "FP32");
    const answer = await target.post(infer("FP32"), gzipSync(body), { "Content-Encoding": "gzip" });
    expect(answer.status).toBe(200);
  });
});

describe("a body of 60 MiB leaves the event loop free", () => {
  const SIZE = 60 * MIB;
  test.each([
    ["numbers", infer("FP32"), () => tensor(SIZE, "0.1234567", "FP32"), 200],
    ["wide integers", infer("INT64"), () => tensor(SIZE, "1234567890123456789", "INT64"), 200],
    ["strings", infer("STRING"), () => tensor(SIZE, '"abcdefghijklmno"', "BYTES"), 200],
    ["one string", infer("STRING"), () => tensor(SIZE, `"${"a".repeat(SIZE - 200)}"`, "BYTES"), 200],
    ["an id", infer("INT32"), () => Buffer.from(`{"id":"${"a".repeat(SIZE)}","inputs":[]}`), 400],
    ["blanks", infer("INT32"), () => Buffer.alloc(SIZE, " "), 500],
    ["one number", infer("INT32"), () => Buffer.alloc(SIZE, "1"), 500],
    [
      "a file",
      "/v2/repository/models/none/load",
      () => Buffer.from(`{"parameters":{"config":"{}","file:1/x":"${"QUFB".repeat(SIZE / 4)}"}}`),
      400,
    ],
  ] as const)("%s", async (_, path, make, status) => {
    const body = make();
    const measure = async (): Promise<Cost> => {
      let answered = 0;
      const cost = await target.measure(async () => {
        answered = (await target.post(path, body)).status;
      });
      expect(answered === status || (status === 400 && answered >= 400)).toBe(true);
      return cost;
    };
    await expectWithin(measure, { stallMs: LONGEST_STRETCH_MS, peakMb: allowedFor(body.length).peakMb });
  });
});

test("work ends when the client leaves", async () => {
  const body = tensor(40 * MIB, "1,2.5,[3]", "FP32");
  const whole = await target.measure(() => target.post(infer("FP32"), body));
  const left = await target.measure(async () => {
    await leaveAfterBody(target.ports.http, infer("FP32"), body);
    await target.post(infer("INT32"), "{}");
    await idle(target.pid);
  });
  // Its bytes are taken; reading them is most of the work.
  expect(left.cpuMs).toBeLessThan(whole.cpuMs / 2);
});

/** Sends a request and ends the connection when the last byte is on its way. */
function leaveAfterBody(port: number, path: string, body: Buffer): Promise<void> {
  return new Promise(resolve => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body, () => socket.destroy());
  });
}
