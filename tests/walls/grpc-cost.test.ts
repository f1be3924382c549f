/**
 * ModelInfer over gRPC: the cost of a message follows from its size on the wire, and work ends when its client has left.
 */
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectWithin } from "./support/attempts.js";
import { type CallResult, call, field, inferRequest, tensor, varint } from "./support/grpc-call.js";
import { idle } from "./support/idle.js";
import { allowedFor, type Cost, type Metered, startMetered } from "./support/meter.js";

const MIB = 2 ** 20;
const RESOURCE_EXHAUSTED = 8;
const INVALID_ARGUMENT = 3;
const STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";
/** Machines that run the tests are busy, and a first call compiles code. */
const SLACK = { cpuMs: 150, peakMb: 24 };
const STRETCH_MS = 250;
const slackFor = (bytes: number) => ({
  cpuMs: allowedFor(bytes).cpuMs + SLACK.cpuMs,
  peakMb: allowedFor(bytes).peakMb + SLACK.peakMb,
  stallMs: STRETCH_MS,
});

const model = (type: string): Record<string, string> => ({
  [`any_${type}/config.pbtxt`]: `name: "any_${type}" backend: "identity" max_batch_size: 0
    input [ { name: "INPUT0" data_type: TYPE_${type} dims: [-1] } ]
    output [ { name: "OUTPUT0" data_type: TYPE_${type} dims: [-1] } ]`,
  [`any_${type}/1/keep`]: "",
});

let target: Metered;
beforeAll(async () => {
  const files = Object.assign({}, ...["INT8", "INT64", "FP32", "STRING"].map(model));
  target = await startMetered({ models: ["echo_int32"], files, heapMb: 256 });
});
afterAll(() => target.stop());

const fill = (bytes: number, ...pattern: number[]): Buffer => Buffer.alloc(bytes, Buffer.from(pattern));

type Options = Parameters<typeof call>[2];

/** The cost of a call whose result passes a check. */
const costing = (message: Buffer, check: (result: CallResult) => void, options: Options = {}, of = target) =>
  async function measure(): Promise<Cost> {
    let result: CallResult | undefined;
    const cost = await of.measure(async () => {
      result = await call(of.ports.grpc, message, options);
    });
    check(result!);
    return cost;
  };

const hasCode = (code: number) => (result: CallResult) => expect(result.code).toBe(code);
const isAnswered = ({ code, message }: CallResult): void => expect([code, message]).toEqual([0, ""]);

/** In base64, since the messages are made of one another. */
const BOMBS: readonly (readonly [what: string, message: Buffer])[] = [
  ["empty inputs", fill(16 * MIB, 0x2a, 0)],
  ["zeros", Buffer.alloc(64 * MIB)],
  ["unknown fields", fill(16 * MIB, 0x78, 0)],
  [
    "elements of one byte",
    inferRequest("any_INT64", [tensor("INT64", [8 * MIB]), field(5, field(3, Buffer.alloc(8 * MIB)))]),
  ],
  ["empty strings", inferRequest("any_STRING", [tensor("BYTES", [8 * MIB]), field(5, fill(16 * MIB, 0x42, 0))])],
];

test.each(BOMBS)("gzip of %s is refused at the request's allowance", async (_, message) => {
  const packed = gzipSync(message, { level: 9 });
  const isRefused = ({ code, message: said }: CallResult): void =>
    expect([code, said]).toEqual([
      RESOURCE_EXHAUSTED,
      expect.stringMatching(/^the request takes more than the \d+ KiB that its size allows/),
    ]);
  await expectWithin(costing(packed, isRefused, { encoding: "gzip" }), slackFor(packed.length));
});

test.each([
  ["empty inputs", RESOURCE_EXHAUSTED, fill(2 * MIB, 0x2a, 0)],
  ["empty outputs", RESOURCE_EXHAUSTED, fill(2 * MIB, 0x32, 0)],
  ["empty parameters", RESOURCE_EXHAUSTED, fill(2 * MIB, 0x22, 0)],
  ["empty raw contents", RESOURCE_EXHAUSTED, fill(2 * MIB, 0x3a, 0)],
  ["empty contents", RESOURCE_EXHAUSTED, field(5, fill(2 * MIB, 0x2a, 0))],
  ["dimensions", INVALID_ARGUMENT, field(5, field(3, Buffer.alloc(2 * MIB, 1)))],
  ["model names", INVALID_ARGUMENT, fill(2 * MIB, 0x0a, 0)],
  ["unknown fields", INVALID_ARGUMENT, fill(2 * MIB, 0x78, 0)],
  ["unknown groups", INVALID_ARGUMENT, fill(2 * MIB, 0x7b, 0x7c)],
  ["named inputs", INVALID_ARGUMENT, fill(4 * MIB, ...field(5, field(1, "abcdefghijkl")))],
])("a message of %s costs what its bytes allow", async (_, expected, message) => {
  await expectWithin(costing(message, hasCode(expected)), slackFor(message.length));
});

const N = 16 * MIB;
test.each([
  ["packed INT8", inferRequest("any_INT8", [tensor("INT8", [N]), field(5, field(2, Buffer.alloc(N)))])],
  ["packed INT64", inferRequest("any_INT64", [tensor("INT64", [N]), field(5, field(3, Buffer.alloc(N)))])],
  ["INT64 one by one", inferRequest("any_INT64", [tensor("INT64", [N / 2]), field(5, fill(N, 0x18, 1))])],
  [
    "FP32 one by one",
    inferRequest("any_FP32", [tensor("FP32", [N / 8]), field(5, fill((N / 8) * 5, 0x35, 0, 0, 0, 0))]),
  ],
  ["empty strings", inferRequest("any_STRING", [tensor("BYTES", [N / 2]), field(5, fill(N, 0x42, 0))])],
  ["raw strings", inferRequest("any_STRING", [tensor("BYTES", [N / 4])], [field(7, Buffer.alloc(N))])],
])("16 MiB of %s are answered without a long synchronous stretch", async (_, message) => {
  await expectWithin(costing(message, isAnswered), { ...allowedFor(message.length), stallMs: STRETCH_MS });
});

test.each([
  ["FP32", (i: number) => i / 7],
  ["FP32", (i: number) => -i / 128],
  ["FP32", (i: number) => (i % 3 === 0 ? Number.NaN : i)],
] as const)("all classes of a million numbers in %s cost what their bytes allow", async (type, value) => {
  const length = 1_000_000;
  const values = Buffer.from(Float32Array.from({ length }, (_, i) => value(i)).buffer);
  const all = field(
    6,
    Buffer.concat([
      field(1, "OUTPUT0"),
      field(
        2,
        Buffer.concat([field(1, "classification"), field(2, Buffer.concat([Buffer.from([0x10]), varint(length)]))]),
      ),
    ]),
  );
  const message = inferRequest(`any_${type}`, [tensor(type, [length])], [all, field(7, values)]);
  const { cpuMs, stallMs } = slackFor(message.length);
  await expectWithin(costing(message, isAnswered), { cpuMs, stallMs });
});

test("a compressed request within its allowance is answered", async () => {
  const zeros = inferRequest("any_FP32", [tensor("FP32", [MIB / 8])], [field(7, Buffer.alloc(MIB / 2))]);
  expect(await call(target.ports.grpc, gzipSync(zeros), { encoding: "gzip" })).toMatchObject({ code: 0 });
});

test("unpacking ends when the client leaves", async () => {
  // Such a server unpacks what others refuse.
  const generous = await startMetered({ models: ["echo_int32"], options: { requestMemoryRatio: 2000 } });
  const { grpc } = generous.ports;
  const packed = gzipSync(field(7, Buffer.alloc(128 * MIB)));
  const whole = await generous.measure(() => call(grpc, packed, { encoding: "gzip" }));
  const left = await generous.measure(async () => {
    await Promise.all(Array.from({ length: 8 }, () => call(grpc, packed, { encoding: "gzip", leaveAfter: 30 })));
    await idle(generous.pid);
  });
  await generous.stop();
  // Most of the work of all eight is left undone.
  expect(left.cpuMs).toBeLessThan(4 * whole.cpuMs);
});

test("another wire type in a field of contents skips the field, without an internal error", async () => {
  const strings = inferRequest("any_STRING", [
    tensor("BYTES", [1]),
    field(5, Buffer.concat([field(8, "a"), Buffer.from([0x40, 5])])),
  ]);
  expect(await call(target.ports.grpc, strings)).toMatchObject({ code: 0 });
});

test("contents that arrive in parts are merged", async () => {
  const parts = [tensor("INT64", [3]), field(5, field(3, Buffer.from([1, 2]))), field(5, field(3, Buffer.from([3])))];
  const { code, body } = await call(target.ports.grpc, inferRequest("any_INT64", parts));
  expect(code).toBe(0);
  expect(body.includes(Buffer.from(BigInt64Array.of(1n, 2n, 3n).buffer))).toBe(true);
});

test.each(["\xff", "\xed\xa0\x80"])("text that is not UTF-8 is refused", async text => {
  expect(await call(target.ports.grpc, field(1, Buffer.from(text, "latin1")))).toMatchObject({
    code: 13,
    message: "Unable to parse request",
  });
});

test.each([
  ["model name", field(1, Buffer.alloc(MIB, "m"))],
  ["model version", Buffer.concat([field(1, "any_FP32"), field(2, Buffer.alloc(MIB, "1"))])],
  ["id", field(3, Buffer.alloc(MIB, "i"))],
  ["tensor name", field(5, field(1, Buffer.alloc(MIB, "t")))],
  ["datatype", field(5, field(2, Buffer.alloc(MIB, "t")))],
  ["output name", field(6, field(1, Buffer.alloc(MIB, "t")))],
  ["parameter name", field(4, field(1, Buffer.alloc(MIB, "t")))],
])("a %s of a mebibyte is refused", async (_, message) => {
  expect(await call(target.ports.grpc, message)).toMatchObject({
    code: INVALID_ARGUMENT,
    message: "the request has a name or an id of 1048576 bytes; at most 65536 are supported",
  });
});

test("a long status message fits the metadata that clients take", async () => {
  const name = "ü".repeat(20_000);
  const { code, message } = await call(target.ports.grpc, inferRequest(name, []));
  expect(code).toBe(5);
  expect(message).toMatch(/^Request for unknown model: 'ü+…$/);
  expect(encodeURIComponent(message).length).toBeLessThan(8192);
});

test.each(["low", "high"] as const)(
  "a large response is compressed (%s) without a long synchronous stretch",
  async level => {
    const options = { grpcCompression: level };
    const files = model("FP32");
    const packing = await startMetered({ files, options });
    const size = 16 * MIB;
    // Bytes of four random bits each: slow to compress.
    const noise = Buffer.alloc(size);
    for (let i = 0, state = 1; i < size; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      noise[i] = state >>> 28;
    }
    const message = inferRequest("any_FP32", [tensor("FP32", [size / 4])], [field(7, noise)]);
    const isPacked = ({ code, body }: CallResult): void => {
      expect(code).toBe(0);
      expect(body.length).toBeLessThan(size * 0.8);
    };
    const measure = costing(message, isPacked, { accepts: "identity, gzip, deflate" }, packing);
    await expectWithin(measure, { stallMs: STRETCH_MS });
    await packing.stop();
  },
);

test("many small messages of one stream leave others their turn, and are all answered", async () => {
  // An empty request names no model, and is answered with an error in the stream.
  const messages = Buffer.alloc(5 * 60_000);
  const areAnswered = (result: CallResult): void => expect(result).toMatchObject({ code: 0, messages: 60_000 });
  const measure = costing(messages, areAnswered, { path: STREAM_INFER, isFramed: true });
  await expectWithin(measure, { stallMs: 150 });
});
