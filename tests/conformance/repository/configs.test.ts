/**
 * The recorded configurations against our server: every difference is in `known.json` with its reason.
 * CONFORMANCE_FILTER=text- runs some; CONFORMANCE_UPDATE=1 writes `known.json` anew; CONFORMANCE_OUT=FILE keeps the outcomes.
 */
import { expect, test } from "vitest";
import { finish } from "./finish.js";
import { configRecords } from "./records.js";
import { runConfig } from "./run-configs.js";

test("configurations: answers, states, reasons and log as recorded", { timeout: 600_000 }, async () => {
  expect(await finish(configRecords(), runConfig, 4, "known")).toEqual([]);
});
