/** Folders that are not a fitted workflow, each with the message that names the way out. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PlanError } from "#contract/plan.js";
import { readWorkflow } from "#formats/folders/workflow.js";

const root = mkdtempSync(join(tmpdir(), "merlon-workflow-"));
afterAll(() => rmSync(root, { recursive: true }));

test.each([
  [
    "missing",
    () => {},
    "there is no such folder. Fit the workflow first: `merlon fit NAME.workflow.ts --data … --out ",
  ],
  ["file", (at: string) => writeFileSync(at, "{}"), "this is a file; a fitted workflow is a folder."],
  [
    "empty",
    (at: string) => mkdirSync(at),
    "there is no workflow.json in it. Give the folder that `merlon fit --out` wrote.",
  ],
])("%s", (name, make, message) => {
  const folder = join(root, name);
  make(folder);
  const read = () => readWorkflow(folder);
  expect(read).toThrow(PlanError);
  expect(read).toThrow(`${folder}: ${message}`);
});
