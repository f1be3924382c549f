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
