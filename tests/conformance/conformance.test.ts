/**
 * Every recorded request of a real Triton, answered as Triton did, but for the differences that are listed with their reasons. Two workers answer the
 * groups about states, queues, statistics and changes of models.
 */
import { describe, expect, test } from "vitest";
import { type Known, readKnown, surprises } from "#conformance/known.js";
import { type Group, readGroups } from "#conformance/records.js";
import { runFresh } from "#conformance/run-group.js";
import { startServer } from "#conformance/target.js";

/** @param known differences that have a reason */
async function expectEqual(group: Group, workers: number, known: Known): Promise<void> {
  const outcomes = await runFresh(group, one => startServer(one, workers));
  const { fresh, gone } = surprises(outcomes, known);
  if (gone.length > 0 && workers === 1)
    console.warn(`equal by now, run \`npm run conformance -- --update-known\`: ${gone.join(" ")}`);
  expect(fresh.map(({ id, note, differences }) => `${id} (${note}): ${differences.slice(0, 3).join("; ")}`)).toEqual(
    [],
  );
}

/** Some at a time, since recorded requests wait for seconds. Groups of shared memory have the same files. */
function testGroups(groups: readonly Group[], workers: number): void {
  const known = readKnown(workers);
  for (const group of groups)
    (group.name.endsWith("-shm") ? test : test.concurrent)(`${group.name}: ${group.records.length} records`, () =>
      expectEqual(group, workers, known),
    );
}

describe("protocol", () => testGroups(readGroups(), 1));

/** `npm run conformance -- --workers 2` has all groups. */
const WITH_WORKERS = ["grpc-sequence", "grpc-statistics", "grpc-control", "http-statistics", "metrics-main"];

describe("protocol, with two workers", () =>
  testGroups(
    readGroups().filter(({ name }) => WITH_WORKERS.includes(name)),
    2,
  ));
