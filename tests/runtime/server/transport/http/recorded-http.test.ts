/**
 * Recorded HTTP requests of a real Triton, to a server in this process: `tests/conformance` sends them to the built program, and mutants are in the sources alone.
 */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { readKnown, surprises } from "#conformance/known.js";
import { type Group, PROTOCOL_DATA, readGroups } from "#conformance/records.js";
import { runFresh } from "#conformance/run-group.js";
import type { Target } from "#conformance/target.js";
import { serve } from "#runtime/server/index.js";

const known = readKnown();

async function serveHere({ records }: Group): Promise<Target> {
  const { repository: name, server_flags = [], env = {} } = records[0]!;
  const scratch = mkdtempSync(join(tmpdir(), "merlon-recorded-"));
  const repository = join(scratch, name);
  cpSync(new URL(name, PROTOCOL_DATA), repository, { recursive: true });
  const twins = new URL(`twins/${name}`, PROTOCOL_DATA);
  const hasTwins = existsSync(twins);
  if (hasTwins) cpSync(twins, repository, { recursive: true, force: true });
  const words = [
    `--model-repository=${repository}`,
    ...["grpc", "http", "metrics"].map(kind => `--${kind}-port=0`),
    ...(server_flags.some(flag => flag.startsWith("--exit-on-error")) ? [] : ["--exit-on-error=false"]),
    ...(hasTwins ? ["--mock-stand-ins"] : []),
    "--allow-trace=false",
    ...server_flags,
  ];
  const options = serveOptions(words, undefined, undefined, { ...process.env, ...env }, "127.0.0.1");
  const server = await serve({ ...options, writeLog: () => {} });
  return {
    ...{ host: "127.0.0.1", repository, ...server.ports },
    async stop() {
      await server.stop();
      rmSync(scratch, { recursive: true, force: true });
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
