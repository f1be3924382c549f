/** Load requests: configurations and files that they bring along. */
import { describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { answerLoad } from "#runtime/server/transport/http/load-route.js";

const still = new AbortController().signal as never;

describe("a load request", () => {
  const load = async (body: string | undefined, signal = still) => {
    const budget = new MemoryBudget();
    let whileLoaded = 0;
    const calls = {
      load: vi.fn(async () => {
        whileLoaded = budget.charged;
      }),
    };
    const exchange = {
      head: { body: body === undefined ? 0 : Buffer.byteLength(body) },
      readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
        if (body !== undefined) reader.data(Buffer.from(body), 0, Buffer.byteLength(body));
        reader.end();
      },
      discardBody() {},
    };
    const call = { request: exchange, context: { calls, budget, maxInputSize: 2 ** 26 }, path: { model: "m" }, signal };
    const answer = await answerLoad(call as never).catch(error => `${error.code} ${error.message}`);
    // Its memory is returned.
    expect(budget.charged).toBe(0);
    return {
      answer,
      whileLoaded,
      override: calls.load.mock.calls[0] as unknown as [string, { config?: string; files: Map<string, Buffer> }?],
    };
  };
  const done = { status: 200, type: "application/json", body: "" };
  test.each([undefined, "", "{}", "[]", '{"parameters":{}}'])("of %j brings nothing along", async body => {
    const { answer, override } = await load(body);
    expect({ answer, override }).toEqual({ answer: done, override: ["m", undefined] });
  });
  test("brings a configuration and files along", async () => {
    const file = Buffer.from("hello").toString("base64");
    const { answer, override } = await load(
      JSON.stringify({ parameters: { config: "{}", "file:1/x": file, "file:y": "" } }),
    );
    expect(answer).toEqual(done);
    expect(override).toEqual([
      "m",
      {
        config: "{}",
        files: new Map([
          ["1/x", Buffer.from("hello")],
          ["y", Buffer.alloc(0)],
        ]),
      },
    ]);
    const alone = await load(JSON.stringify({ parameters: { "file:z": file } }));
    expect(alone.override[1]).toStrictEqual({ files: new Map([["z", Buffer.from("hello")]]) });
  });
  test.each([
    ["in parts", (text: string) => text],
    ["whole, where line ends shift the groups of four", (text: string) => `${text.slice(0, 3)}\n${text.slice(3)}`],
    ["in parts, of exactly two", (text: string) => text.slice(0, 2 ** 21)],
  ])("decodes a long file %s", async (_, change) => {
    const bytes = Buffer.alloc(2_000_003, "0123456789abc");
    const text = change(bytes.toString("base64"));
    const { override } = await load(JSON.stringify({ parameters: { "file:x": text } }));
    expect(override[1]!.files.get("x")!.equals(Buffer.from(text, "base64"))).toBe(true);
  });
  test("decodes a long file with a pause before it and after each part of a MiB of text, or as a whole", async () => {
    /** Turns of the work: its client is looked for before each. */
    const turns = async (key: string, text: string): Promise<number> => {
      let count = 0;
      const counting = {
        get aborted() {
          return ++count < 0;
        },
      };
      await load(JSON.stringify({ parameters: { [key]: text } }), counting as never);
      return count;
    };
    // A configuration of the same length is parsed in as many turns, and not decoded.
    const pauses = async (text: string) => (await turns("file:x", text)) - (await turns("config", text));
    const ofLength = (length: number): string => "QUJD".repeat(length / 4);
    const MIB = 2 ** 20;
    expect([await pauses(ofLength(MIB)), await pauses(ofLength(MIB + 4))]).toEqual([1, 3]);
    expect([await pauses(ofLength(2 * MIB)), await pauses(ofLength(2 * MIB + 8))]).toEqual([3, 4]);
    // Its last group is not full.
    expect(await pauses(`${ofLength(2 * MIB - 4)}QUI=`)).toBe(3);
    expect(await pauses(`QUJ\n${ofLength(2 * MIB)}`)).toBe(1);
  });
  test("holds no more memory for a long file than its bytes", async () => {
    const text = Buffer.alloc(2_000_003, "0123456789abc").toString("base64");
    const { override } = await load(JSON.stringify({ parameters: { "file:x": text } }));
    const { length, buffer } = override[1]!.files.get("x")!;
    expect([length, buffer.byteLength]).toEqual([2_000_003, 2_000_003]);
  });
  test("is charged for its body and its decoded files while the model is loaded", async () => {
    for (const size of [3000, 2_000_003]) {
      const of = (key: string) =>
        JSON.stringify({ parameters: { [key]: Buffer.alloc(size, "0123456789abc").toString("base64") } });
      // A configuration of the same length is not decoded.
      const { whileLoaded } = await load(of("config"));
      expect(whileLoaded).toBeGreaterThanOrEqual(Buffer.byteLength(of("config")));
      expect((await load(of("file:x"))).whileLoaded - whileLoaded).toBe(size);
    }
  });
  const TEXT = "INTERNAL attempt to access JSON non-string as string";
  test.each([
    ['{"parameters":[]}', "INTERNAL attempt to get members for non-object"],
    ['{"parameters":{"config":1}}', TEXT],
    ['{"parameters":{"file:x":true}}', TEXT],
    ['{"parameters":{"other":"x"}}', "INTERNAL unexpected error on creating Triton parameter"],
    ['{"parameters":{"xfile:":"x"}}', "INTERNAL unexpected error on creating Triton parameter"],
  ])("of %s is refused", async (body, expected) => {
    const { answer, override } = await load(body);
    expect([answer, override]).toEqual([expected, undefined]);
  });
  test("has 4096 parameters at most", async () => {
    const of = (count: number): string =>
      JSON.stringify({ parameters: Object.fromEntries(Array.from({ length: count }, (_, i) => [`file:${i}`, ""])) });
    expect((await load(of(4096))).answer).toEqual(done);
    expect((await load(of(4097))).answer).toBe(
      "INVALID_ARGUMENT the load request has 4097 parameters; at most 4096 are supported",
    );
  });
});
