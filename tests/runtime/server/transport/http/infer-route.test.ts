/** The infer route with a scheduler that answers as a test says: its limits, charges, traces, faults, and the requests of the model. */
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ConnectionCut } from "#runtime/base/connection-cut.js";
import { bufferPool, LARGE } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Tensor } from "#runtime/base/tensor.js";
import { turnEnd } from "#runtime/base/turn-end.js";
import type { BackendRequest, BackendResponse } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { answerInfer } from "#runtime/server/transport/http/infer-route.js";
import { repeatedRequest } from "#runtime/server/transport/http/repeated-request.js";
import { configOf } from "../../scheduling/support.js";

interface Served {
  readonly body?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly output?: Tensor;
  readonly cut?: number;
  readonly keepHeaders?: boolean;
  readonly maxInputSize?: number;
  /** The start of a cloud's content type. */
  readonly mime?: string;
  readonly isTraced?: boolean;
  /** The body ends before its end. */
  readonly isCut?: boolean;
  /** The head of an earlier request of the connection. */
  readonly head?: object;
  readonly config?: typeof config;
  readonly signal?: typeof signal;
  /** The model's error. */
  readonly failure?: Error;
  /** Bytes of the region that the first input is in. */
  readonly region?: Buffer;
  readonly onWork?: () => void;
}

const MIME = "application/vnd.x;json-header-size=";
const LENGTH = "inference-header-content-length";
const config = configOf({});
const signal = new AbortController().signal as never;
const int32 = (count: number): Tensor => ({
  ...{ name: "OUT", datatype: "INT32", shape: [count], data: new Uint8Array(4 * count) },
});
const jsonOf = (input: object, more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ inputs: [{ name: "IN", datatype: "INT32", ...input }], ...more }));
const PLAIN = jsonOf({ shape: [2], data: [1, 2] });

/** A request with `count` numbers behind its JSON. */
function binaryOf(count: number, more: object = {}): { readonly body: Buffer; readonly length: number } {
  const json = jsonOf({ shape: [count], parameters: { binary_data_size: 4 * count } }, more);
  return { body: Buffer.concat([json, Buffer.alloc(4 * count)]), length: json.length };
}

const exchangeOf = (body: Buffer, headers: Served["headers"] = {}, isCut = false) => ({
  head: { body: body.length, headers, fields: Object.entries(headers) },
  readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void; cut(): void }) {
    if (body.length > 0) reader.data(body, 0, body.length);
    if (isCut) reader.cut();
    else reader.end();
  },
  discardBody() {},
});

/** Calls the route: its answer or error, and what was traced and charged until and after it was sent. */
async function infer(served: Served = {}) {
  const { body = PLAIN, headers, output = int32(1), cut, keepHeaders, mime } = served;
  const { maxInputSize = 2 ** 26, isTraced = true, onWork, failure, region } = served;
  const budget = new MemoryBudget();
  const stamps: string[] = [];
  const failures: string[] = [];
  const atWork: number[] = [];
  const received: BackendRequest[] = [];
  const times: number[] = [];
  const isLent: (boolean | undefined)[] = [];
  const trace = {
    begin() {},
    note() {},
    stamp(name: string, time?: number) {
      if (name.startsWith("HTTP")) stamps.push(name);
      if (name === "HTTP_RECV_START") times.push(time!);
    },
    fail: (message: string) => void failures.push(message),
    end: () => void stamps.push("end"),
  };
  const version = {
    ...{
      model: "m",
      version: "1",
      config: served.config ?? config,
      statistics: createStatistics(),
      loaded: { keepsNothing: true },
    },
    scheduler: {
      async schedule(request: BackendRequest) {
        received.push(request);
        atWork.push(budget.charged);
        isLent.push(request.memory?.moves(request.inputs.get("IN")!.data.buffer));
        onWork?.();
        if (failure) throw failure;
        const response: BackendResponse = { outputs: [output], ...(cut !== undefined && { cut }) };
        return { queueNs: 0, times: { input: 0, infer: 0, output: 0 }, response };
      },
    },
  };
  const context = {
    ...{ budget, maxInputSize, headerForwardPattern: undefined, log: { isVerbose: false } },
    ...(mime !== undefined && { binary: { mime, inAnswers: true } }),
    calls: {
      ...{ find: () => version, sample: () => (isTraced ? trace : undefined), keepHeaders },
      memory: { open: () => ({ release() {}, part: () => ({ size: region!.length, read: () => region }) }) },
    },
  };
  const sent = exchangeOf(body, headers, served.isCut);
  const request = served.head ? { ...sent, head: served.head as typeof sent.head } : sent;
  const answer = await answerInfer({
    request,
    context,
    path: { model: "m" },
    signal: served.signal ?? signal,
  } as never).catch((error: Error) => error);
  const whileSent = budget.charged;
  if (!(answer instanceof Error)) answer.onSent?.();
  const { head } = request;
  return { answer, head, whileSent, charged: budget.charged, atWork, received, isLent, stamps, times, failures };
}

/** The status of the answer, and its text. */
async function answerTo(served: Served): Promise<string> {
  const { answer } = await infer(served);
  if (answer instanceof Error) return `${answer}`;
  const text = typeof answer.body === "string" ? answer.body : Buffer.concat(answer.body as Buffer[]).toString();
  return `${answer.status} ${text}`;
}
const SENT = ["HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END", "end"];

describe("the model", () => {
  test("has the headers only if the server keeps them", async () => {
    const headers = { "x-user": "seven" };
    expect((await infer({ headers })).received[0]!.headers).toBeUndefined();
    expect((await infer({ headers, keepHeaders: true })).received[0]!.headers).toEqual(headers);
  });
  test("has the memory of a large request without a trace", async () => {
    const { body, length } = binaryOf(LARGE);
    const large = { body, headers: { [LENGTH]: `${length}` } };
    const lent = async (served: Served) => (await infer(served)).isLent;
    expect(await lent({ ...large, isTraced: false })).toEqual([true]);
    expect([await lent(large), await lent({ isTraced: false })]).toEqual([[undefined], [undefined]]);
  });
});

test("a packed body is charged no more once it is unpacked", async () => {
  const { body, length } = binaryOf(2000);
  const packed = gzipSync(body, { level: 0 });
  const headers = { "content-encoding": "gzip", [LENGTH]: `${length}` };
  const { atWork, charged } = await infer({ body: packed, headers });
  expect([atWork, charged]).toEqual([[body.length], 0]);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("memory", () => {
  const largeOf = (more: object = {}): Served => {
    const { body, length } = binaryOf(LARGE, more);
    return { body, headers: { [LENGTH]: `${length}` } };
  };
  test("of a region is charged while the model works", async () => {
    const inRegion = { shape: [500], parameters: { shared_memory_region: "r", shared_memory_byte_size: 2000 } };
    const body = Buffer.concat([jsonOf(inRegion), Buffer.alloc(300, " ")]);
    const { answer, atWork, charged } = await infer({ body, region: Buffer.alloc(2000) });
    expect(answer).toMatchObject({ status: 200 });
    expect([atWork, charged]).toEqual([[2000], 0]);
  });
  test("of a body that is all JSON is charged until its tensors are read, and of an unpacked one until its end", async () => {
    const text = jsonOf({ shape: [2], data: [1, 2] });
    const body = Buffer.concat([text, Buffer.alloc(100_000, " ")]);
    const plain = await infer({ body });
    expect([plain.atWork[0]! < 10_000, plain.charged]).toEqual([true, 0]);
    const unpacked = await infer({ body: gzipSync(body, { level: 0 }), headers: { "content-encoding": "gzip" } });
    expect([unpacked.atWork[0]! - plain.atWork[0]!, unpacked.charged]).toEqual([body.length, 0]);
  });
  test("of a large body puts tensors where typed arrays can begin, for any length of the JSON", async () => {
    for (const id of ["", "1", "12", "123"]) {
      const { received } = await infer(largeOf({ id }));
      expect(received[0]!.inputs.get("IN")!.data.byteOffset % 8).toBe(0);
    }
  });
  test("of a large request is used again if it was refused, and not while its model may read it", async () => {
    const given = async (served: Served): Promise<number> => {
      const give = vi.spyOn(bufferPool, "give");
      await infer({ ...largeOf(), isTraced: false, ...served });
      const count = give.mock.calls.length;
      give.mockRestore();
      return count;
    };
    const other = configOf({ input: [{ name: "OTHER", data_type: "TYPE_INT32", dims: [-1] }] });
    expect(await given({ config: other })).toBe(1);
    expect(await given({ failure: new Error("no luck") })).toBe(0);
  });
  test("of a large request is left to the collector at once if its model has failed, or its client has left", async () => {
    const [leave, give] = [vi.spyOn(bufferPool, "leave"), vi.spyOn(bufferPool, "give")];
    const client = new AbortController();
    await infer({ ...largeOf(), isTraced: false, failure: new Error("no luck") });
    await infer({ ...largeOf(), isTraced: false, signal: client.signal as never, onWork: () => client.abort() });
    expect([leave.mock.calls.length, give.mock.calls.length]).toEqual([2, 0]);
    for (const spy of [leave, give]) spy.mockRestore();
  });
  test("of a small request is not taken from the pool, and none is left when its client leaves", async () => {
    const client = new AbortController();
    const left = { isTraced: false, signal: client.signal as never, onWork: () => client.abort() };
    expect(await answerTo(left)).toMatch(/^200 /);
  });
  test("of a large request with a short answer is charged until that has left, and then used again", async () => {
    const give = vi.spyOn(bufferPool, "give");
    const { whileSent, charged } = await infer({ ...largeOf(), isTraced: false });
    expect(whileSent).toBeGreaterThan(4 * LARGE);
    expect([charged, give.mock.calls.length]).toEqual([0, 1]);
  });
  test("of a short request and a short answer is charged until that has left if both exceed the bound", async () => {
    const of = async (size: number) => {
      const { body, length } = binaryOf(1000);
      const blanks = Buffer.alloc(size - body.length, " ");
      const padded = Buffer.concat([body.subarray(0, length), blanks, body.subarray(length)]);
      return (await infer({ body: padded, headers: { [LENGTH]: `${length + blanks.length}` } })).whileSent;
    };
    const text = (await of(LARGE - 1)) - (LARGE - 1);
    expect(text).toBeGreaterThan(1);
    expect([await of(LARGE - text), await of(LARGE - text + 1)]).toEqual([0, LARGE + 1]);
  });
});

test("requests of one turn of the event loop continue when that has ended", async () => {
  // Enough in one turn that one of them notices the others: the next one waits then.
  await Promise.all(Array.from({ length: 18 }, () => turnEnd()));
  const notes: string[] = [];
  const onWork = () => void notes.push("work");
  const all = [infer({ onWork }), infer({ onWork })];
  for (let i = 0; i < 50; i++) await Promise.resolve();
  notes.push("turn");
  await Promise.all(all);
  expect(notes).toEqual(["turn", "work", "work"]);
});

test("a trace has the time at which the request arrived", async () => {
  const from = performance.now() * 1e6;
  const { times } = await infer();
  expect(times).toHaveLength(1);
  expect(times[0]).toBeGreaterThanOrEqual(from);
  expect(times[0]).toBeLessThanOrEqual(performance.now() * 1e6);
});

test("a packed body may exceed the limit of JSON before it is unpacked", async () => {
  const packed = gzipSync(PLAIN, { level: 0 });
  const headers = { "content-encoding": "gzip" };
  expect(packed.length).toBeGreaterThan(PLAIN.length);
  expect(await answerTo({ body: packed, headers, maxInputSize: PLAIN.length })).toMatch(/^200 /);
});

test("the strings of a large tensor are counted in slices, and no more once the client has left", async () => {
  const strings = configOf({ input: [{ name: "IN", data_type: "TYPE_STRING", dims: [-1] }] });
  const bytes = Buffer.alloc(2 ** 21);
  const count = bytes.length / 4;
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ name: "IN", datatype: "BYTES", shape: [count], parameters: { binary_data_size: bytes.length } }],
    }),
  );
  const looks = async (served: Served): Promise<number> => {
    let times = 0;
    const counting = {
      ...{ addEventListener() {}, removeEventListener() {} },
      get aborted() {
        times++;
        return false;
      },
    };
    const { answer } = await infer({ ...served, signal: counting as never });
    expect(answer).toMatchObject({ status: 200 });
    return times;
  };
  const asText = { body: Buffer.concat([json, bytes]), headers: { [LENGTH]: `${json.length}` }, config: strings };
  const { body, length } = binaryOf(count);
  const asNumbers = { body, headers: { [LENGTH]: `${length}` } };
  expect((await looks(asText)) - (await looks(asNumbers))).toBe(2);
});

test("the text of a response is kept with the head, for the next response of the same form", async () => {
  const { body, length } = binaryOf(2, { parameters: { binary_data_output: true } });
  const headers = { [LENGTH]: `${length}` };
  const { head } = await infer({ body, headers });
  const pieces = await Promise.all([1, 2].map(async () => (await infer({ body, headers, head })).answer));
  const [second, third] = pieces.map(answer => (answer as { readonly body: readonly Buffer[] }).body[0]);
  expect(second).toBeInstanceOf(Buffer);
  expect(third).toBe(second);
});

test("the next request with the same head and JSON is found by them", async () => {
  const { body, length } = binaryOf(2);
  const { head } = await infer({ body, headers: { [LENGTH]: `${length}` } });
  const found = repeatedRequest(head as never, body, length, config, signal);
  expect(found?.request.inputs).toEqual([{ name: "IN", datatype: "INT32", shape: [2], data: Buffer.alloc(8) }]);
});

describe("an answer", () => {
  test("that is large is charged, and its trace is open, until it has left", async () => {
    for (const count of [1, LARGE]) {
      const { whileSent, charged, stamps } = await infer({ output: int32(count) });
      expect([whileSent > 0, charged, stamps]).toEqual([count > 1, 0, SENT]);
    }
  });
  test("that cannot be made is an error, behind the end of its trace", async () => {
    const cut = await infer({ isCut: true });
    const text = "the client closed the connection before the end of its body";
    expect([`${cut.answer}`, cut.failures, cut.charged]).toEqual([`Error: ${text}`, [text], 0]);
    expect(cut.stamps).toEqual(["HTTP_RECV_START", "HTTP_SEND_START", "HTTP_SEND_END", "end"]);
  });
  test("that is cut is an error with the part that leaves", async () => {
    const { answer, stamps, charged } = await infer({ cut: 0.5 });
    expect(answer).toBeInstanceOf(ConnectionCut);
    expect((answer as ConnectionCut).sent!.toString()).toMatch(/^\{"model_name":"m"/);
    expect([stamps, charged]).toEqual([SENT, 0]);
  });
});

describe("a cloud's content type", () => {
  const { body, length } = binaryOf(300);
  const ofType = (type?: string, maxInputSize = 1000) =>
    answerTo({ body, mime: MIME, maxInputSize, ...(type !== undefined && { headers: { "content-type": type } }) });
  test("with a length of JSON lets the bytes behind that exceed the limit of JSON", async () => {
    expect(await ofType(`${MIME}${length}`)).toMatch(/^200 /);
  });
  test.each(["application/json", undefined])("of %s holds the whole body to the limit of JSON", async type => {
    expect(await ofType(type)).toContain(
      `request JSON size of ${body.length} bytes exceeds the maximum allowed input size of 1000 bytes`,
    );
  });
  test("is not needed for a body of JSON", async () => {
    expect(await answerTo({ mime: MIME })).toMatch(/^200 /);
  });
});

describe("the length of the JSON in a header", () => {
  const { body, length } = binaryOf(2);
  const ofLength = (text: string) => answerTo({ body, headers: { [LENGTH]: text } });
  const RANGE = "value is out of range [ -2147483648, 2147483647 ]";
  test.each([
    ["x12", "Unable to parse Inference-Header-Content-Length, got: x12"],
    ["\u00a0", "Unable to parse Inference-Header-Content-Length, got: \u00a0"],
    ["2147483647", `inference header size should be in range (0, ${body.length}), got: 2147483647`],
    ["2147483648", `Unable to parse Inference-Header-Content-Length, ${RANGE}, got: 2147483648`],
    ["-2147483648", `inference header size should be in range (0, ${body.length}), got: -2147483648`],
    ["-2147483649", `Unable to parse Inference-Header-Content-Length, ${RANGE}, got: -2147483649`],
  ])("is refused as %s", async (text, expected) => {
    expect(await ofLength(text)).toBe(`400 ${JSON.stringify({ error: expected })}`);
  });
  test.each([`${length}`, `000${length}`, ` +${length}x`, `${length},7`])("may be %j", async text => {
    expect(await ofLength(text)).toMatch(/^200 /);
  });
  test("may be that of the whole body", async () => {
    expect(await answerTo({ headers: { [LENGTH]: `${PLAIN.length}` } })).toMatch(/^200 /);
  });
});

test.each([
  ["gzip;x=0.9;q=0.1, deflate;q=0.5", "deflate"],
  ["gzip;q=0.5, deflate", "deflate"],
  ["deflate;q=0.5, gzip;q=0.5", "deflate"],
  ["gzip;q=0.5, identity", undefined],
  ["gzip;q=0", undefined],
  ["br", undefined],
])("a client that accepts %j gets an answer in %s", async (accepted, encoding) => {
  const { answer } = await infer({ headers: { "accept-encoding": accepted } });
  expect((answer as { headers?: Record<string, string> }).headers?.["Content-Encoding"]).toBe(encoding);
});
