/**
 * The recorded runs of the binary against ours: every difference is in `known-process.json` with its reason.
 */
import { expect, test } from "vitest";
import { finish } from "./finish.js";
import { processRecords } from "./records.js";
import { runProcess } from "./run-process.js";

test("processes: exit codes, output, answers and signals as recorded", { timeout: 300_000 }, async () => {
  expect(await finish(processRecords(), runProcess, 4, "known-process")).toEqual([]);
});
