/**
 * Recorded HTTP requests of a real Triton, to a server in this process. `tests/conformance` sends them to the built program, but mutants are in the sources alone.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { readKnown, surprises } from "#conformance/known.js";
import { recordedRepository } from "#conformance/recorded-repository.js";
import { type Group, readGroups } from "#conformance/records.js";
import { runFresh } from "#conformance/run-group.js";
import type { Target } from "#conformance/target.js";
import { serve } from "#runtime/server/index.js";

const known = readKnown();

async function serveHere(group: Group): Promise<Target> {
  const { path, flags, env, remove } = recordedRepository(group);
  const options = serveOptions(flags, undefined, undefined, { ...process.env, ...env }, "127.0.0.1");
  const server = await serve({ ...options, writeLog: () => {} });
  return {
    ...{ host: "127.0.0.1", repository: path, ...server.ports },
    async stop() {
      await server.stop();
      remove();
    },
  } as Target;
}

/** Groups that leave a server as it was share one. Statistics count what other groups sent, so `tests/conformance` alone compares those. */
const SERVERS = [
  ["http-metadata", "http-infer", "http-compression", "http-errors", "http-generate", "http-shm"],
  ["http-python"],
  ["http-control"],
  ["http-restricted-infer"],
  ["http-size-limit"],
  ["http-log"],
  ["http-not-ready"],
];
const withoutStatistics = (group: Group): Group =>
  ({
    ...group,
    records: group.records.filter(record => !("path" in record && record.path.endsWith("/stats"))),
  }) as Group;
const groups = new Map(readGroups("http-").map(group => [group.name, withoutStatistics(group)]));

describe.each(SERVERS.map(names => [names.map(name => groups.get(name)!)]))("a server", shared => {
  let target: Target;
  beforeAll(async () => {
    target = await serveHere(shared[0]!);
  });
  afterAll(() => target.stop());
  test.each(shared.map(group => [group.name, group] as const))("%s", async (_, group) => {
    const { fresh } = surprises(await runFresh(group, async () => ({ ...target, stop: async () => {} })), known);
    expect(fresh.map(({ id, differences }) => `${id}: ${differences.slice(0, 3).join("; ")}`)).toEqual([]);
  });
});
