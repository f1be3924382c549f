/** The generate routes with a scheduler that answers as a test says: statuses, events, long answers in parts, refusals, traces, and charged memory. */
import { describe, expect, test } from "vitest";
import { ConnectionCut } from "#runtime/base/connection-cut.js";
import { Refusal, RuntimeFault } from "#runtime/base/errors.js";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { Tensor } from "#runtime/base/tensor.js";
import type { BackendRequest, BackendResponse } from "#runtime/server/contract.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import type { Answers } from "#runtime/server/scheduling/scheduler.js";
import { answerGenerate } from "#runtime/server/transport/http/generate-route.js";
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
  /** Headers of each request that the scheduler received. */
  readonly kept: readonly unknown[];
}

/** Calls a route; `parts` are those of the body, each with the bytes that are charged when it has been taken. */
async function generate(served: Served): Promise<Generated> {
  const { run, stream = false, body = '{"IN":[1,2]}', headers = {}, keepHeaders = false } = served;
  const budget = new MemoryBudget();
  const stamps: string[] = [];
  const failures: string[] = [];
  const lines: string[] = [];
  const kept: unknown[] = [];
  const trace = {
    begin() {},
    note() {},
    stamp: (name: string) => void (name.startsWith("HTTP") && stamps.push(name)),
    fail: (message: string) => void failures.push(message),
    end: () => void stamps.push("end"),
  };
  const config = configOf({});
  const version = {
    ...{ model: "m", version: "1", config, statistics: createStatistics(), loaded: {} },
    scheduler: {
      async schedule(request: BackendRequest, answers: Answers) {
        kept.push(request.headers);
        await run(answers);
        return { queueNs: 0, times: { input: 0, infer: 0, output: 0 } };
      },
    },
  };
  const context = {
    ...{ budget, maxInputSize: 2 ** 26, headerForwardPattern: undefined },
    log: { isVerbose: true, verbose: (_: string, text: string) => void lines.push(text) },
    calls: { find: () => version, sample: () => trace, memory: { open: () => ({}) }, keepHeaders },
  };
  const signal = new AbortController().signal;
  const call = { request: exchangeOf(body, headers), context, path: { model: "m" }, signal };
  const answer = await answerGenerate(call as never, stream).catch((error: RuntimeFault) => error);
  if (answer instanceof Error)
    return {
      ...{ fault: `${answer.code} ${answer.message}`, text: "", parts: [], whileSent: 0 },
      ...{ stamps, failures, lines, kept, charged: budget.charged },
    };
  const parts: { readonly text: string; readonly charged: number }[] = [];
  let error: unknown;
  try {
    for await (const text of answer.body as AsyncIterable<string>) parts.push({ text, charged: budget.charged });
  } catch (thrown) {
    error = thrown;
  }
  const whileSent = budget.charged;
  answer.onSent?.();
  const text = parts.map(part => part.text).join("");
  return {
    ...{ status: answer.status, type: answer.type, text, parts, error, stamps, failures, lines },
    ...{ whileSent, kept, charged: budget.charged },
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
