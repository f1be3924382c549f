/** The generate routes with a scheduler that answers as a test says: statuses, events, long answers in parts, refusals, traces, and charged memory. */
import { describe, expect, test, vi } from "vitest";
import { ConnectionCut } from "#runtime/base/connection-cut.js";
import { Refusal, RuntimeFault } from "#runtime/base/errors.js";
import { bufferPool } from "#runtime/base/memory/buffer-pool.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { BackendRequest, BackendResponse } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import type { Answers } from "#runtime/server/scheduling/scheduler.js";
import { answerGenerate } from "#runtime/server/transport/http/generate-route.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { elapse } from "../../../../run/wait.js";
import { configOf } from "../../scheduling/support.js";

type Given = BackendResponse | RuntimeFault;
interface Served {
  /** Answers in turn; an error that is thrown ends the execution. */
  readonly run: (answer: (given: Given) => void) => unknown;
  readonly stream?: boolean;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly keepHeaders?: boolean;
  readonly config?: ModelConfigInit;
  readonly version?: string;
  readonly maxInputSize?: number;
  readonly isTraced?: boolean;
  /** The client leaves once the body is read, or once an answer has been found. */
  readonly leaves?: "read" | "answered";
  /** Called with each part of the answer. */
  readonly take?: (text: string) => void;
}

const exchangeOf = (text: string, headers: Readonly<Record<string, string>>) => ({
  head: { body: Buffer.byteLength(text), headers, fields: Object.entries(headers) },
  readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
    reader.data(Buffer.from(text), 0, Buffer.byteLength(text));
    reader.end();
  },
  discardBody() {},
});

/** `fault` alone, or the others, beside what was traced, logged and charged. */
interface Generated {
  readonly fault?: string;
  readonly status?: number;
  readonly type?: string;
  readonly text: string;
  readonly parts: readonly { readonly text: string; readonly charged: number }[];
  readonly error?: unknown;
  readonly whileSent: number;
  readonly stamps: readonly string[];
  readonly failures: readonly string[];
  readonly lines: readonly string[];
  readonly charged: number;
  /** Headers of each request that the scheduler received, the bytes that were charged then, and its trace. */
  readonly kept: readonly unknown[];
  readonly atWork: readonly number[];
  readonly traces: readonly unknown[];
  /** Times of the stamps that have one. */
  readonly times: Readonly<Record<string, number>>;
}

/** Calls a route; `parts` are those of the body, each with the bytes that are charged when it has been taken. */
async function generate(served: Served): Promise<Generated> {
  const { run, stream = false, body = '{"IN":[1,2]}', headers = {}, leaves, take = () => {} } = served;
  const { maxInputSize = 2 ** 26, isTraced = true } = served;
  const budget = new MemoryBudget();
  const stamps: string[] = [];
  const failures: string[] = [];
  const lines: string[] = [];
  const kept: unknown[] = [];
  const atWork: number[] = [];
  const traces: unknown[] = [];
  const times: Record<string, number> = {};
  const trace = {
    begin() {},
    note() {},
    stamp(name: string, time?: number) {
      if (name.startsWith("HTTP")) stamps.push(name);
      if (time !== undefined) times[name] = time;
    },
    fail: (message: string) => void failures.push(message),
    end: () => void stamps.push("end"),
  };
  const config = configOf(served.config ?? {});
  const version = {
    ...{ model: "m", version: "1", config, statistics: createStatistics(), loaded: {} },
    scheduler: {
      async schedule(request: BackendRequest, answers: Answers) {
        kept.push(request.headers);
        atWork.push(budget.charged);
        traces.push(Object.is(request.trace, trace) ? "the sampled one" : request.trace);
        await run(answers);
        return { queueNs: 0, times: { input: 0, infer: 0, output: 0 } };
      },
    },
  };
  const context = {
    ...{ budget, maxInputSize, headerForwardPattern: undefined },
    log: { isVerbose: true, verbose: (_: string, text: string) => void lines.push(text) },
    calls: {
      ...{ find: () => version, sample: () => (isTraced ? trace : undefined) },
      // It is looked at when the body has been read.
      get keepHeaders() {
        if (leaves === "read") controller.abort();
        return served.keepHeaders ?? false;
      },
    },
  };
  const controller = new AbortController();
  const { signal } = controller;
  const path = { model: "m", ...(served.version !== undefined && { version: served.version }) };
  const call = { request: exchangeOf(body, headers), context, path, signal };
  const answer = await answerGenerate(call as never, stream).catch((error: RuntimeFault) => error);
  if (answer instanceof Error)
    return {
      ...{ fault: `${answer.code} ${answer.message}`, text: "", parts: [], whileSent: 0 },
      ...{ stamps, failures, lines, kept, atWork, traces, times, charged: budget.charged },
    };
  if (leaves === "answered") controller.abort();
  const parts: { readonly text: string; readonly charged: number }[] = [];
  let error: unknown;
  try {
    for await (const text of answer.body as AsyncIterable<string>) {
      parts.push({ text, charged: budget.charged });
      take(text);
    }
  } catch (thrown) {
    error = thrown;
  }
  const whileSent = budget.charged;
  answer.onSent?.();
  const text = parts.map(part => part.text).join("");
  return {
    ...{ status: answer.status, type: answer.type, text, parts, error, stamps, failures, lines },
    ...{ whileSent, kept, atWork, traces, times, charged: budget.charged },
  };
}

const int32 = (...values: number[]): Tensor => ({
  ...{ name: "OUT", datatype: "INT32", shape: [values.length] },
  data: new Uint8Array(Int32Array.from(values).buffer),
});
const text = (value: string): Tensor => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(value));
  return { name: "OUT", datatype: "BYTES", shape: [1], data: Buffer.concat([length, Buffer.from(value)]) };
};
const outputs = (...tensors: Tensor[]): BackendResponse => ({ outputs: tensors });
const TAIL = '"model_name":"m","model_version":"1"}';
const ones = (count: number): string => `{"IN":[${Array(count).fill(1)}]}`;
const ofTexts: ModelConfigInit = { input: [{ name: "IN", data_type: "TYPE_STRING", dims: [-1] }] };

describe("generate", () => {
  test("answers with the members in the order of their names, one element without brackets", async () => {
    const parameters = new Map<string, never>(
      Object.entries({ a: 1n, z: "x" }) as unknown as readonly (readonly [string, never])[],
    );
    const run = (answer: (given: Given) => void) => answer({ ...outputs(int32(7)), parameters: [...parameters] });
    const found = await generate({ run, body: '{"id":"seven","IN":1}' });
    expect([found.status, found.type, found.text]).toEqual([
      ...[200, "application/json"],
      '{"OUT":7,"a":1,"id":"seven","model_name":"m","model_version":"1","z":"x"}',
    ]);
    expect((await generate({ run: answer => answer(outputs(int32())) })).text).toBe(`{"OUT":[],${TAIL}`);
    expect((await generate({ run: answer => answer(outputs(int32(1, 2))) })).text).toBe(`{"OUT":[1,2],${TAIL}`);
  });
  test("needs exactly one answer", async () => {
    const ONE =
      '{"error":"generate expects model to produce exactly 1 response, use generate stream for model that generates various number of responses"}';
    for (const count of [0, 2, 3]) {
      const run = (answer: (given: Given) => void): void => {
        for (let i = 0; i < count; i++) answer(outputs(int32(i)));
      };
      const { status, text: body } = await generate({ run });
      expect([count, status, body]).toEqual([count, 200, ONE]);
    }
  });
  test("whose answer is a fault is 400", async () => {
    const found = await generate({ run: answer => answer(new RuntimeFault("INTERNAL", 'no "luck"')) });
    expect([found.status, found.text]).toEqual([400, '{"error":"no \\"luck\\""}']);
  });
  test("cannot send what JSON cannot carry", async () => {
    const half: Tensor = { name: "OUT", datatype: "FP16", shape: [1], data: new Uint8Array(2) };
    const found = await generate({ run: answer => answer(outputs(half)) });
    expect([found.status, found.text]).toEqual([
      200,
      '{"error":"sending FP16 data via JSON is not supported. Please use the binary data format for output"}',
    ]);
  });
  test("that a scheduler refuses, or whose body is wrong, is a fault with its trace at its end", async () => {
    const refused = await generate({
      run: () => {
        throw new Refusal("UNAVAILABLE", "queue full");
      },
    });
    expect(refused).toMatchObject({
      ...{ fault: "UNAVAILABLE queue full", charged: 0 },
      stamps: ["HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END", "end"],
    });
    expect(refused.failures).toContain("queue full");
    expect(refused.lines.at(-1)).toContain("Infer failed: queue full");
    const wrong = await generate({ run: () => {}, body: '{"id":"seven","IN":"x"}' });
    expect(wrong.fault).toContain("attempt to access JSON non-signed-integer as signed-integer");
    expect([wrong.failures, wrong.charged]).toEqual([[wrong.fault!.slice("INTERNAL ".length)], 0]);
    expect(wrong.lines).toEqual([expect.stringMatching(/^\[request id: seven\] Infer failed: /)]);
  });
  test("that fails at work answers with the fault, also behind another answer", async () => {
    const fails = async (answer: (given: Given) => void): Promise<void> => {
      answer(outputs(int32(1)));
      throw new Error("broken");
    };
    const run = (): never => {
      throw new RuntimeFault("UNAVAILABLE", "no memory");
    };
    expect(await generate({ run })).toMatchObject({ status: 400, text: '{"error":"no memory"}' });
    const streamed = await generate({ run: fails, stream: true });
    expect(streamed.text).toBe(`data: {"OUT":1,${TAIL}\n\ndata: {"error":"internal error"}\n\n`);
  });
  test("takes no packed body", async () => {
    const of = (encoding: string) => generate({ run: () => {}, headers: { "content-encoding": encoding } });
    expect((await of("gzip")).fault).toBe(
      "INVALID_ARGUMENT Unsupported content-encoding, only 'identity' is supported.",
    );
    expect((await of("identity")).status).toBe(200);
  });
  test("passes the headers to the model only if the server keeps them", async () => {
    const headers = { "x-user": "seven" };
    const run = (answer: (given: Given) => void) => answer(outputs(int32(1)));
    expect((await generate({ run, headers })).kept).toEqual([undefined]);
    expect((await generate({ run, headers, keepHeaders: true })).kept).toEqual([headers]);
  });
  test("passes its trace to the model, if it has one", async () => {
    const run = (answer: (given: Given) => void) => answer(outputs(int32(1)));
    expect((await generate({ run })).traces).toEqual(["the sampled one"]);
    expect(await generate({ run, isTraced: false })).toMatchObject({ traces: [undefined], stamps: [], status: 200 });
  });
  test("stamps its trace with the time in nanoseconds at which the request arrives", async () => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(7);
    try {
      const { times } = await generate({ run: answer => answer(outputs(int32(1))) });
      expect(times.HTTP_RECV_START).toBe(7_000_000);
    } finally {
      clock.mockRestore();
    }
  });
  test("has the version that the client named in its log", async () => {
    const run = (answer: (given: Given) => void) => answer(outputs(int32(1)));
    const prepared = async (version?: string): Promise<string | undefined> =>
      (await generate({ run, ...(version !== undefined && { version }) })).lines.find(line => /prepared/.test(line));
    expect(await prepared("1")).toContain("requested version: 1, actual version: 1");
    expect(await prepared()).toContain("requested version: -1, actual version: 1");
  });
  test("holds tensors and values to the server's limits", async () => {
    const found = await generate({ run: () => {}, body: ones(300), maxInputSize: 1199 });
    expect(found.fault).toBe(
      "INVALID_ARGUMENT JSON input 'IN' has a byte_size (1200 bytes) that exceeds the maximum allowed value of 1199 bytes. Use --http-max-input-size to increase the limit.",
    );
    const answer = await generate({ run: given => given(outputs(int32(1))), body: ones(300), maxInputSize: 1200 });
    expect(answer.status).toBe(200);
  });
  test("charges its body, the lists in it, and its tensors until the answer has left", async () => {
    const run = (answer: (given: Given) => void) => answer(outputs(int32(1)));
    const charged = async (body: string, config: ModelConfigInit = {}): Promise<readonly number[]> => {
      const { atWork, whileSent, parts } = await generate({ run, body, config });
      expect([parts[0]!.charged, whileSent]).toEqual([atWork[0], atWork[0]]);
      return atWork;
    };
    // The least room of a body; so few numbers take no list of their own.
    expect(await charged('{"IN":[1,2]}')).toEqual([256 + 8]);
    expect(await charged(ones(300))).toEqual([ones(300).length + 8 * 2048 + 4 * 300]);
    const long = JSON.stringify({ IN: "x".repeat(1000) });
    expect(await charged(long, ofTexts)).toEqual([long.length + 2048 + 1004]);
  });
  test("returns the memory of long lists to the pool, also where the body is refused", async () => {
    const [take, give] = [vi.spyOn(bufferPool, "take"), vi.spyOn(bufferPool, "give")];
    try {
      for (const body of [ones(5000), ones(5000).slice(0, -1)]) {
        await generate({ run: answer => answer(outputs(int32(1))), body });
        const taken = take.mock.results.map(({ value }) => value);
        const given = give.mock.calls.map(([memory]) => memory);
        expect(taken.length).toBeGreaterThan(1);
        expect(taken.filter(memory => !given.includes(memory))).toEqual([]);
        expect(given).toHaveLength(taken.length);
        for (const spy of [take, give]) spy.mockClear();
      }
    } finally {
      for (const spy of [take, give]) spy.mockRestore();
    }
  });
  test("ends while many texts are counted, once the client has left", async () => {
    const body = JSON.stringify({ IN: Array(2 ** 18).fill("") });
    const found = await generate({ run: () => {}, body, config: ofTexts, leaves: "read" });
    expect(found.fault).toBe("CANCELLED the client left while its request was checked");
    expect([found.kept, found.charged]).toEqual([[], 0]);
  });
});

describe("generate_stream", () => {
  test("answers with an event for each answer, whatever their timing", async () => {
    const counts = async (answer: (given: Given) => void, wait: () => unknown): Promise<void> => {
      for (let i = 1; i <= 4; i++) {
        answer(outputs(int32(i)));
        // Two of them at once.
        if (i !== 2) await wait();
      }
    };
    const event = (n: number): string => `data: {"OUT":${n},${TAIL}\n\n`;
    for (const wait of [() => {}, () => elapse(2)]) {
      const found = await generate({ run: answer => counts(answer, wait), stream: true });
      expect([found.status, found.type, found.text]).toEqual([
        ...[200, "text/event-stream; charset=utf-8"],
        [1, 2, 3, 4].map(event).join(""),
      ]);
      expect(found.parts).toHaveLength(4);
    }
  });
  test("sends an answer before the next one is made", async () => {
    const seen: string[] = [];
    const turn = () => new Promise(resolve => setImmediate(resolve));
    const run = async (answer: (given: Given) => void): Promise<void> => {
      for (const n of [1, 2, 3]) {
        await turn();
        seen.push(`make ${n}`);
        answer(outputs(int32(n)));
      }
      await turn();
      seen.push("end");
    };
    await generate({ run, stream: true, take: event => seen.push(`take ${JSON.parse(event.slice(6)).OUT}`) });
    expect(seen).toEqual(["make 1", "take 1", "make 2", "take 2", "make 3", "take 3", "end"]);
  });
  test("without an answer is empty, and a fault in the first one decides the status", async () => {
    expect(await generate({ run: () => {}, stream: true })).toMatchObject({ status: 200, text: "", charged: 0 });
    const found = await generate({
      stream: true,
      run: answer => {
        answer(new RuntimeFault("INTERNAL", "first"));
        answer(outputs(int32(2)));
      },
    });
    expect([found.status, found.text]).toEqual([400, `data: {"error":"first"}\n\ndata: {"OUT":2,${TAIL}\n\n`]);
    const later = await generate({
      stream: true,
      run: answer => {
        answer(outputs(int32(1)));
        answer(new RuntimeFault("INTERNAL", "second"));
      },
    });
    expect([later.status, later.text]).toEqual([200, `data: {"OUT":1,${TAIL}\n\ndata: {"error":"second"}\n\n`]);
  });
  test("ends the connection where an answer says so", async () => {
    const found = await generate({
      stream: true,
      run: answer => {
        answer(outputs(int32(1)));
        answer(new ConnectionCut() as never);
        answer(outputs(int32(3)));
      },
    });
    expect([found.text, found.error]).toEqual([`data: {"OUT":1,${TAIL}\n\n`, expect.any(ConnectionCut)]);
  });
  test("ends its trace when the answer has left", async () => {
    const { stamps } = await generate({ run: answer => answer(outputs(int32(1))), stream: true });
    expect(stamps).toEqual(["HTTP_RECV_START", "HTTP_RECV_END", "HTTP_SEND_START", "HTTP_SEND_END", "end"]);
  });
});

describe("a long answer", () => {
  test("is printed no more once the client has left, and a short one still is", async () => {
    const ofLength = (length: number) =>
      generate({ run: answer => answer(outputs(text("x".repeat(length)))), leaves: "answered" });
    const long = await ofLength(2 ** 15);
    expect([long.text, `${long.error}`]).toEqual(["", "RuntimeFault: the client left before its request was done"]);
    const short = await ofLength(2 ** 15 - 4);
    expect([short.text.length, short.error]).toEqual([2 ** 15 - 4 + `{"OUT":"",${TAIL}`.length, undefined]);
  });
  // A piece of 256 KiB ends inside of a character in one of them.
  const texts = [0, 1, 2, 3].map(ahead => `${"x".repeat(ahead)}${"😀".repeat(200_000)}`);
  test.each(texts.map((value, ahead) => [ahead, value] as const))(
    "is sent in parts without a cut character: %i bytes ahead of them",
    async (_, value) => {
      for (const stream of [false, true]) {
        const found = await generate({ run: answer => answer(outputs(text(value))), stream });
        const whole = stream ? found.text.slice("data: ".length, -2) : found.text;
        expect(found.parts.length).toBeGreaterThan(2);
        expect(JSON.parse(whole).OUT === value).toBe(true);
        expect(whole.endsWith(`,${TAIL}`)).toBe(true);
        // One event, whose end is not a part of its own.
        if (stream)
          expect([found.text.split("data: ").length, found.parts.at(-1)!.text.endsWith("}\n\n")]).toEqual([2, true]);
      }
    },
  );
  test("gives its memory back as its parts are taken, a short one at once, and the body with the last", async () => {
    const long = await generate({ run: answer => answer(outputs(text(texts[0]!))) });
    const held = long.parts.map(part => part.charged);
    expect(held).toEqual([...held].sort((a, b) => b - a));
    expect(new Set(held).size).toBe(held.length);
    expect(held[0]! - held.at(-1)!).toBeGreaterThan(500_000);
    expect([long.whileSent > 0, long.charged]).toEqual([true, 0]);
    const one = await generate({ run: answer => answer(outputs(int32(1))), stream: true });
    const many = await generate({
      stream: true,
      run: answer => {
        for (let i = 0; i < 50; i++) answer(outputs(int32(i)));
      },
    });
    // Events that were sent are not charged, however many.
    expect(many.whileSent).toBe(one.whileSent);
    expect([one.charged, many.charged]).toEqual([0, 0]);
  });
});
