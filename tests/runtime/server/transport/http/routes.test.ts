/** Routes of settings: from a JSON body to the call that it stands for. */
import { describe, expect, test, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { answerRoute } from "#runtime/server/transport/http/dispatch.js";
import { ROUTES } from "#runtime/server/transport/http/routes.js";

const signal = new AbortController().signal;

/** Sends a request through the table. @returns the answer or the fault, and what is charged afterwards */
async function ask(method: string, path: string, calls: object, { text = "", ratio = 16, more = {} } = {}) {
  const bytes = Buffer.from(text);
  const budget = new MemoryBudget(Number.POSITIVE_INFINITY, { ratio });
  const request = {
    head: { method, headers: {}, body: bytes.length },
    gone: signal,
    readBody(reader: { data(bytes: Buffer, start: number, end: number): void; end(): void }) {
      if (bytes.length > 0) reader.data(bytes, 0, bytes.length);
      reader.end();
    },
    discardBody() {},
  };
  const context = { calls, budget, maxInputSize: 2 ** 20, restriction: () => {}, ...more };
  const answering = (async () => answerRoute(ROUTES, request as never, context as never, path))();
  const answer = await answering.catch(error => `${error.code} ${error.message}`);
  return { answer, charged: budget.charged };
}

describe("the API of a route, by which it is restricted, is as in Triton's documentation:", () => {
  const region = (kind: string, act: string) => [
    `/v2/${kind}sharedmemory/${act}`,
    `/v2/${kind}sharedmemory/region/r/${act}`,
  ];
  test.each<[string, string, readonly string[]]>([
    ["health", "GET", ["/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m/versions/1/ready"]],
    ["metadata", "GET", ["/v2", "/v2/models/m", "/v2/models/m/versions/1"]],
    ["inference", "POST", ["/v2/models/m/infer", "/v2/models/m/generate", "/v2/models/m/generate_stream"]],
    ["model-config", "GET", ["/v2/models/m/config"]],
    ["statistics", "GET", ["/v2/models/stats", "/v2/models/m/stats", "/v2/models/m/versions/1/stats"]],
    [
      ...["model-repository", "POST"],
      ["/v2/repository/index", "/v2/repository/models/m/load", "/v2/repository/models/m/unload"],
    ] as never,
    ["shared-memory", "GET", ["system", "cuda"].flatMap(kind => region(kind, "status"))],
    ["shared-memory", "POST", ["system", "cuda"].flatMap(kind => region(kind, "register"))],
    ["shared-memory", "POST", ["system", "cuda"].flatMap(kind => region(kind, "unregister"))],
    ["logging", "GET", ["/v2/logging"]],
    ["logging", "POST", ["/v2/logging"]],
    ["trace", "GET", ["/v2/trace/setting", "/v2/models/m/trace/setting"]],
    ["trace", "POST", ["/v2/trace/setting", "/v2/models/m/trace/setting"]],
  ])("%s by %s", async (api, method, paths) => {
    for (const path of paths) {
      const restriction = vi.fn((_: string) => "key");
      const { answer } = await ask(method, path, {}, { more: { restriction } });
      expect([path, answer, restriction.mock.calls.map(([given]) => given)]).toEqual([
        ...[path, expect.objectContaining({ status: 403 }), [api]],
      ]);
    }
  });
});

describe("a model", () => {
  test("has statistics by itself, and with all others", async () => {
    const calls = { statisticsWithStages: vi.fn(async (model: string) => [{ name: model }]) };
    for (const path of ["/v2/models/stats", "/v2/models/m/stats", "/v2/models/m/versions/3/stats"])
      expect((await ask("GET", path, calls)).answer).toMatchObject({ status: 200, type: "application/json" });
    expect(calls.statisticsWithStages.mock.calls).toEqual([
      ["", ""],
      ["m", ""],
      ["m", "3"],
    ]);
  });
  test("that is not ready says so as text", async () => {
    const asked = await ask("GET", "/v2/models/m/ready", { isModelReady: () => false });
    expect(asked.answer).toEqual({
      ...{ status: 400, type: "text/plain", body: '{"error":"Model version not ready"}' },
    });
  });
  test.each([
    ["", false],
    ['{"parameters":true}', false],
    ['{"parameters":{}}', false],
    ['{"parameters":{"unload_dependents":false}}', false],
    ['{"parameters":{"unload_dependents":true}}', true],
  ])("is unloaded by %j, with its dependents: %s", async (text, dependents) => {
    const unload = vi.fn(async () => {});
    const { answer, charged } = await ask("POST", "/v2/repository/models/m/unload", { unload }, { text });
    expect([answer, charged]).toEqual([{ status: 200, type: "application/json", body: "" }, 0]);
    expect(unload.mock.calls).toEqual([["m", dependents]]);
  });
});

describe("a body of settings", () => {
  const more = { logSettings: { updateFromJson: async () => {}, print: () => ({}) } };
  test("is charged no more once it is read", async () => {
    const { answer, charged } = await ask("POST", "/v2/logging", {}, { text: '{"log_info":true}', more });
    expect([answer, charged]).toEqual([{ status: 200, type: "application/json", body: "{}" }, 0]);
  });
  test("that is decoded to far more than its bytes is refused", async () => {
    const text = `{"x":[${'{"a":1},'.repeat(100_000)}1]}`;
    const { answer, charged } = await ask("POST", "/v2/logging", {}, { text, ratio: 0, more });
    expect(answer).toMatch(/^INVALID_ARGUMENT the request JSON holds too many lists, objects or members/);
    expect(charged).toBe(0);
  });
});

describe("trace settings", () => {
  const settings = { trace_rate: "7" };
  const set = async (body: string, { method = "POST", path = "/v2/trace/setting" } = {}) => {
    const tracer = { update: vi.fn(async () => {}), print: vi.fn(async () => settings) };
    const { answer } = await ask(method, path, { tracer }, { text: body });
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
