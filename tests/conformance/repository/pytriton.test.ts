/**
 * Namespaces of models, and configurations that can't be read, as Triton 2.51 has them: every difference is in `known-pytriton.json` with its reason.
 */
import { expect, test } from "vitest";
import { finish } from "./finish.js";
import { pytritonRecords } from "./records.js";
import { runLifecycle } from "./run-lifecycle.js";

test("what Triton 2.51 was asked: every step's answer and log", { timeout: 300_000 }, async () => {
  expect(await finish(pytritonRecords(), runLifecycle, 4, "known-pytriton")).toEqual([]);
});
