/** Faults and refusals as answers. */
import { describe, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import {
  type Answer,
  faultAnswer,
  forbidden,
  methodNotAllowed,
  restricted,
  writeAnswer,
} from "#runtime/server/transport/http/answer.js";

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
    expect(forbidden("no")).toEqual({ status: 403, type: "application/json", body: '{"error":"no"}' });
    expect(methodNotAllowed("text/plain")).toEqual({
      ...{ status: 405, type: "text/plain" },
      body: '{"error":"Method Not Allowed"}',
    });
  });
  test.each<[string, Answer["body"], number]>([
    ["a text", "é", 2],
    ["bytes", Buffer.from("abc"), 3],
    ["pieces", [Buffer.from("ab"), Buffer.from(""), Buffer.from("cdef")], 6],
    ["nothing", "", 0],
  ])("of %s have their length", async (_, body, length) => {
    const sent: unknown[][] = [];
    const onSent = (): void => {};
    const exchange = { reply: (...words: unknown[]) => sent.push(words) };
    await writeAnswer(exchange as never, { status: 201, type: "text/plain", body, headers: { A: "b" }, onSent });
    const fields = [
      ["Content-Type", "text/plain"],
      ["A", "b"],
      ["Content-Length", length],
    ];
    const pieces = typeof body === "string" ? [Buffer.from(body)] : Buffer.isBuffer(body) ? [body] : body;
    expect(sent).toEqual([[201, fields, pieces, onSent]]);
  });
});
