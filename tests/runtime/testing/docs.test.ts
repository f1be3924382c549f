/**
 * docs/guides/testing.md and Triton's records: what the page says can be written, is read; what faults say, a real Triton has said.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseFault } from "#runtime/server/faults/fault.js";

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
