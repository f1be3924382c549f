/**
 * docs/guides/testing.md and Triton's records: what the page says can be written, is read; what faults say, a real Triton has said.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parseFault } from "#runtime/server/faults/fault.js";
import { executionFault } from "#runtime/server/faults/fault-texts.js";
import { createTestServer, defineModel } from "#runtime/testing/index.js";

const ROOT = join(import.meta.dirname, "../../..");
const page = readFileSync(join(ROOT, "docs", "guides", "testing.md"), "utf8");

test("the page's short forms are faults, and every kind has one", () => {
  const table = page.slice(page.indexOf("| fault | short form"), page.indexOf("Each may have `rate`"));
  const forms = [...table.matchAll(/^\| `[^`]+` \| (.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, form]) => form!),
  );
  const kinds = forms.map(form =>
    Object.keys(parseFault(`m:${form}`)).find(key => key !== "model" && key !== "times" && key !== "forMs"),
  );
  expect(new Set(kinds)).toEqual(
    new Set(["delayMs", "error", "full", "notReady", "failLoad", "drop", "stall", "truncate"]),
  );
  for (const [, flag] of page.matchAll(/--fault '?([\w*]+:[^\s'`]+)/g))
    expect(() => parseFault(flag!), flag).not.toThrow();
});

test("what a faulty server answers is in the records of a real Triton", async () => {
  const records = join(ROOT, "tests", "conformance", "data", "protocol");
  const texts = readdirSync(records)
    .filter(name => name.endsWith(".jsonl.gz"))
    .map(name => gunzipSync(readFileSync(join(records, name))).toString("utf8"))
    .join("\n");
  const model = defineModel({ inputs: { x: "FP32[1]" }, outputs: { y: "FP32[1]" } });
  await using server = await createTestServer({ models: { model } });
  const said = async (fault: string): Promise<string> => {
    const id = server.faults.add(fault);
    const error = await server.infer("model", { x: 1 }).then(
      () => undefined,
      caught => caught as Error,
    );
    server.faults.remove(id);
    return error!.message;
  };
  expect(await said("model:full")).toBe("[request id: <id_unknown>] Exceeds maximum queue size");
  expect(texts).toContain("Exceeds maximum queue size");
  expect(texts).toContain(await said("model:error=UNAVAILABLE"));
  const inBackend = (backend: string): string =>
    executionFault("INTERNAL", undefined, { name: "py_fail", backend }).message.split("failed on purpose")[0]!;
  expect(texts).toContain(inBackend("python"));
  expect(texts).toContain(inBackend("onnxruntime").replace("MatMul", "Cast"));
  expect(texts).toContain((await said("model:not-ready")).replace("'model'", "").split("  ").at(-1)!);
});
