/** The infer route with a scheduler that answers as a test says: its limits, charges, traces, faults, and the requests of the model. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ConnectionCut } from "#runtime/base/connection-cut.js";
import { LARGE } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Tensor } from "#runtime/base/tensor.js";
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
  const { maxInputSize = 2 ** 26, isTraced = true } = served;
  const budget = new MemoryBudget();
  const stamps: string[] = [];
  const failures: string[] = [];
  const atWork: number[] = [];
  const received: BackendRequest[] = [];
  const isLent: (boolean | undefined)[] = [];
  const trace = {
    begin() {},
    note() {},
    stamp: (name: string) => void (name.startsWith("HTTP") && stamps.push(name)),
    fail: (message: string) => void failures.push(message),
    end: () => void stamps.push("end"),
  };
  const version = {
    ...{ model: "m", version: "1", config, statistics: createStatistics(), loaded: { keepsNothing: true } },
    scheduler: {
      async schedule(request: BackendRequest) {
        received.push(request);
        atWork.push(budget.charged);
        isLent.push(request.memory?.moves(request.inputs.get("IN")!.data.buffer));
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
      memory: { open: () => ({ release() {} }) },
    },
  };
  const request = exchangeOf(body, headers, served.isCut);
  const answer = await answerInfer({ request, context, path: { model: "m" }, signal } as never).catch(
    (error: Error) => error,
  );
  const whileSent = budget.charged;
  if (!(answer instanceof Error)) answer.onSent?.();
  const { head } = request;
  return { answer, head, whileSent, charged: budget.charged, atWork, received, isLent, stamps, failures };
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
