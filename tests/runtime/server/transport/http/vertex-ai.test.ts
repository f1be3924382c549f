/** Vertex AI's front end without a server: its patterns, the routes that a redirection reaches, and its lines in the log. */
import { describe, expect, test } from "vitest";
import { type ShownMetrics, vertexAi } from "#runtime/server/transport/http/vertex-ai.js";

interface Asked {
  readonly method?: string;
  readonly redirect?: string;
  readonly healthRoute?: string;
  readonly predictRoute?: string;
  readonly closed?: string;
  readonly metrics?: ShownMetrics;
}

const print = (): string => "n 1\n";

async function ask(path: string, { method = "POST", redirect, closed, metrics = print, ...routes }: Asked = {}) {
  const lines: string[] = [];
  const apis: string[] = [];
  const log = { isVerbose: true, verbose: (source: string, text: string) => lines.push(`${source}: ${text}`) };
  const restriction = (api: string) => {
    apis.push(api);
    return closed;
  };
  const context = { calls: { isReady: () => true }, restriction };
  const options = { healthRoute: "/health", predictRoute: "/predict", model: "m", ...routes };
  const respond = await vertexAi(options, context as never, metrics, log as never);
  const headers = redirect === undefined ? {} : { "x-vertex-ai-triton-redirect": redirect };
  const answer = await respond({ head: { method, target: path, headers } } as never);
  return { answer, apis, lines };
}
/** The status where all of Triton's own routes are restricted, and the APIs that the redirection reached. */
async function redirected(redirect: string) {
  const { answer, apis } = await ask("/predict", { redirect, closed: "key" });
  return [answer.status, ...apis];
}

describe("Vertex AI's front end", () => {
  test("matches nothing by a pattern that RE2 refuses", async () => {
    expect((await ask("/(", { healthRoute: "(", predictRoute: "(" })).answer.status).toBe(400);
    expect((await ask("/health", { method: "GET", predictRoute: "(" })).answer.status).toBe(200);
  });
  test("has predictions as the API of inference for restrictions", async () => {
    const { answer, apis } = await ask("/predict", { closed: "key" });
    expect([answer.status, apis]).toEqual([403, ["inference"]]);
  });
  test("writes each request, redirection and refusal into a verbose log", async () => {
    const first = "vertex_ai_server: Vertex AI request: 2 /predict";
    expect((await ask("/predict", { redirect: "metrics" })).lines).toEqual([
      first,
      "vertex_ai_server: Redirecting Vertex AI request: /metrics",
    ]);
    expect((await ask("/predict", { redirect: "v2/repository/models/m/load" })).lines).toEqual([
      first,
      "vertex_ai_server: Redirecting Vertex AI request: /v2/repository/models/m/load",
      "vertex_ai_server: Vertex AI redirect blocked: /v2/repository/models/m/load",
    ]);
  });
  test("redirects to the metrics, as text", async () => {
    expect((await ask("/predict", { redirect: "metrics" })).answer).toEqual({
      ...{ status: 200, type: "text/plain; charset=utf-8", body: "n 1\n" },
    });
  });
  test("does not show metrics of a port at another address, and has none where the port is off", async () => {
    const hidden = await ask("/predict", { redirect: "metrics", metrics: "elsewhere" });
    expect([hidden.answer, hidden.lines.at(-1)]).toEqual([
      { status: 403, type: "text/plain", body: "" },
      "vertex_ai_server: Vertex AI redirect blocked: /metrics",
    ]);
    expect((await ask("/predict", { redirect: "metrics", metrics: "off" })).answer.status).toBe(400);
  });
  test.each([
    ["v2/repository/models/m/load", 403],
    ["v2/repository/rr/models/m/unload", 403],
    ["v2/systemsharedmemory/region/rr/register", 403],
    ["v2/cudasharedmemory/unregister", 403],
    // These name models, and no route that changes the server.
    ["v2/repository/models/m/load/x", 400],
    ["x/v2/repository/models/m/load", 400],
    ["v2/models/m/trace/setting", 400],
    ["v2/logging", 400],
    ["v2/models/generate/infer", 403, "inference"],
  ] as const)("answers a redirection to %s with %i", async (path, ...expected) => {
    expect(await redirected(path)).toEqual(expected);
  });
});
