/**
 * The recorded life cycles against our server: every difference is in `known-lifecycle.json` with its reason.
 */
import { expect, test } from "vitest";
import { finish } from "./finish.js";
import { lifecycleRecords } from "./records.js";
import { runLifecycle } from "./run-lifecycle.js";

test("life cycles: every step's answer as recorded", { timeout: 300_000 }, async () => {
  expect(await finish(lifecycleRecords(), runLifecycle, 8, "known-lifecycle")).toEqual([]);
});
