/** SageMaker's front end without a server: the calls that it refuses, its ping, and its lines in the log. */
import { describe, expect, test } from "vitest";
import { sageMaker } from "#runtime/server/transport/http/sagemaker.js";

describe("SageMaker's front end", () => {
  const ask = async (method: string, path: string, { pingMode = "ready", isVerbose = false } = {}) => {
    const lines: (readonly string[])[] = [];
    const log = { isVerbose, verbose: (source: string, text: string) => lines.push([source, text]) };
    const calls = { isReady: () => true, isLive: () => false, serverMetadata: () => ({ name: "s" }) };
    const context = { calls, restriction: () => {} };
    const respond = sageMaker({ model: "m", pingMode, inferenceType: "infer" }, context as never, log as never);
    const answer = await respond({ head: { method, target: path, headers: {} } } as never);
    return { status: answer.status, body: answer.body, lines };
  };
  test.each(["/models", "/models/m/invoke"])("refuses %s of several models, with the way for one", async path => {
    const body =
      '{"error":"multi-model endpoints of SageMaker are not part of this server; serve one model, by /invocations"}';
    expect(await ask("POST", path)).toEqual({ status: 501, body, lines: [] });
  });
  test.each([
    ["POST", "/invocations", "inference"],
    ["POST", "/models/m/invoke", "inference"],
    ["POST", "/models", "model-repository"],
    ["DELETE", "/models/m", "model-repository"],
    ["GET", "/ping", "health"],
  ])("has restrictions of %s %s as an API of %s", async (method, path, api) => {
    const seen: string[] = [];
    const restriction = (given: string) => {
      seen.push(given);
      return "key";
    };
    const log = { isVerbose: false };
    const options = { model: "m", pingMode: "ready", inferenceType: "infer" } as const;
    const respond = sageMaker(options, { restriction } as never, log as never);
    expect(await respond({ head: { method, target: path, headers: {} } } as never)).toMatchObject({ status: 403 });
    expect(seen).toEqual([api]);
  });
  test.each([
    ["ready", 200, ""],
    ["live", 400, ""],
    ["", 200, '{"name":"s"}'],
  ])("answers a ping of mode %j with %i", async (pingMode, status, body) => {
    expect(await ask("GET", "/ping?x", { pingMode })).toEqual({ status, body, lines: [] });
  });
  test("writes each request into a verbose log", async () => {
    const { lines } = await ask("GET", "/ping?x", { isVerbose: true });
    expect(lines).toEqual([["sagemaker_server", "SageMaker request: 0 /ping"]]);
  });
});
