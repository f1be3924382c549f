/** Routes of settings: from a JSON body to the call that it stands for. */
import { describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { answerRoute } from "#runtime/server/transport/http/dispatch.js";
import { ROUTES } from "#runtime/server/transport/http/routes.js";

const signal = new AbortController().signal;

describe("trace settings", () => {
  const settings = { trace_rate: "7" };
  const set = async (body: string, { method = "POST", path = "/v2/trace/setting" } = {}) => {
    const tracer = { update: vi.fn(async () => {}), print: vi.fn(async () => settings) };
    const bytes = Buffer.from(body);
    const request = {
      head: { method, headers: {}, body: bytes.length },
      gone: signal,
      readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
        if (bytes.length > 0) reader.data(bytes, 0, bytes.length);
        reader.end();
      },
      discardBody() {},
    };
    const context = { calls: { tracer }, budget: new MemoryBudget(), maxInputSize: 2 ** 20, restriction: () => {} };
    const answering = Promise.resolve(answerRoute(ROUTES, request as never, context as never, path));
    const answer = await answering.catch(error => `${error.code} ${error.message}`);
    return { answer, updates: tracer.update.mock.calls, printed: tracer.print.mock.calls };
  };
  const done = { status: 200, type: "application/json", body: JSON.stringify(settings) };
  test("are changed for one model, or for all, as those of HTTP", async () => {
    const all = await set('{"trace_rate":"7"}');
    expect(all).toEqual({ answer: done, updates: [["", settings, "http"]], printed: [[""]] });
    const one = await set('{"trace_rate":"7"}', { path: "/v2/models/m/trace/setting" });
    expect(one).toEqual({ answer: done, updates: [["m", settings, "http"]], printed: [["m"]] });
  });
  test("are texts, lists of texts, or null; numbers of any size are written as texts", async () => {
    const { updates } = await set('{"a":null,"b":["x",5],"c":7,"d":18446744073709551615,"e":-1,"f":1.5,"g":[]}');
    expect(updates).toEqual([
      ["", { a: null, b: ["x", "5"], c: "7", d: "18446744073709551615", e: "-1", f: "1.5", g: [] }, "http"],
    ]);
  });
  test.each(["true", "{}", "[null]", "[true]"])("cannot be %s", async value => {
    expect(await set(`{"a":${value}}`)).toMatchObject({
      answer: "INTERNAL Unable to parse 'a': attempt to access JSON non-string as string",
      updates: [],
    });
  });
  test("stay without a body, and where they are only read", async () => {
    expect(await set("")).toMatchObject({ answer: done, updates: [["", {}, "http"]] });
    expect(await set('{"trace_rate":"7"}', { method: "GET" })).toEqual({ answer: done, updates: [], printed: [[""]] });
  });
});
