import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { workflowMaking } from "#compiler/3-graph/near-workflows.js";

const fitted = fileURLToPath(new URL("../../samples/artefacts/etl", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-near-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("finds the fitted workflow that makes all the columns, and passes folders that are none", () => {
  cpSync(join(fitted, "user"), join(folder, "etl", "user"), { recursive: true });
  mkdirSync(join(folder, "broken"));
  writeFileSync(join(folder, "broken", "workflow.json"), "{");
  expect(workflowMaking(folder, ["city", "age"])).toBe(join("etl", "user"));
  expect(workflowMaking(folder, ["city", "price"])).toBeUndefined();
  expect(workflowMaking(join(folder, "nowhere"), ["city"])).toBeUndefined();
});

test("looks neither into dependencies nor deeper than three folders", () => {
  const other = join(folder, "other");
  cpSync(join(fitted, "user"), join(other, "node_modules", "user"), { recursive: true });
  cpSync(join(fitted, "user"), join(other, "a", "b", "c", "d", "user"), { recursive: true });
  expect(workflowMaking(other, ["city"])).toBeUndefined();
});

test("looks into a bounded number of folders", () => {
  const wide = join(folder, "wide");
  for (let i = 0; i < 400; i++) mkdirSync(join(wide, `a${i}`), { recursive: true });
  cpSync(join(fitted, "user"), join(wide, "z"), { recursive: true });
  expect(workflowMaking(wide, ["city"])).toBeUndefined();
});
