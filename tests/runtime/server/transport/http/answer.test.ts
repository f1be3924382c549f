/** Faults and refusals as answers. */
import { describe, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { faultAnswer, methodNotAllowed, restricted } from "#runtime/server/transport/http/answer.js";

describe("answers", () => {
  test("a fault has its status, and a long message is cut", () => {
    expect(faultAnswer(new RuntimeFault("NOT_FOUND", "x"))).toEqual({
      status: 404,
      type: "application/json",
      body: '{"error":"x"}',
    });
    const most = "x".repeat(2 ** 16);
    expect(faultAnswer(new RuntimeFault("INTERNAL", most), "text/plain")).toEqual({
      ...{ status: 500, type: "text/plain" },
      body: JSON.stringify({ error: most }),
    });
    expect(faultAnswer(new RuntimeFault("INTERNAL", `${most}y`)).body).toBe(JSON.stringify({ error: `${most}…` }));
    expect(faultAnswer(new RuntimeFault("RESOURCE_EXHAUSTED", "x"))).toMatchObject({ headers: { "Retry-After": "1" } });
  });
  test("of restricted routes and wrong methods", () => {
    expect(restricted("key")).toEqual({
      ...{ status: 403, type: "text/plain" },
      body: `{"error":"This API is restricted, expecting header 'key'"}`,
    });
    expect(methodNotAllowed("text/plain")).toEqual({
      ...{ status: 405, type: "text/plain" },
      body: '{"error":"Method Not Allowed"}',
    });
  });
});
