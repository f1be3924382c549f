/**
 * Every recorded inference of a real Triton, over both protocols, forwarded from one worker to another: clients receive the recorded answers, texts
 * and codes. Groups about one worker's own state are left out: statistics, metrics, the index, settings.
 */
import { existsSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { readKnown } from "#conformance/known.js";
import { recordedRepository } from "#conformance/recorded-repository.js";
import { type Group, readGroups } from "#conformance/records.js";
import { runFresh } from "#conformance/run-group.js";
import type { Target } from "#conformance/target.js";
import { builtFile } from "../../../needs/built.js";
import { startForwarding } from "./linked.js";

const known = readKnown();
/** Each worker has the slots of a model's instances, so a third sequence need not wait for one of two others. */
const SLOTS = new Set(["grpc-sequence/087", "grpc-sequence/088"]);
const INFERS =
  /-(infer|errors|stream.*|python.*|sequence|batching|delay|shm|compression|generate|size-limit|restricted-infer)$/;

describe("forwarded requests are answered as recorded", () => {
  for (const group of readGroups().filter(({ kind, name }) => kind !== "metrics" && INFERS.test(name)))
    test(`${group.name}: ${group.records.length} records`, async () => {
      const counts = { forwarded: 0 };
      const outcomes = await runFresh(group, given => startTarget(given, counts));
      const own = new Set(group.records.filter(isOfWorker).map(({ id }) => id));
      const fresh = outcomes.filter(
        ({ id, differences }) => differences.length > 0 && !known.has(id) && !own.has(id) && !SLOTS.has(id),
      );
      expect(
        fresh.map(({ id, note, differences }) => `${id} (${note}): ${differences.slice(0, 3).join("; ")}`),
      ).toEqual([]);
      if (/infer$|sequence|batching|stream$|generate/.test(group.name)) expect(counts.forwarded).toBeGreaterThan(0);
    });
});

/** Statistics are those of the worker that is called; `workers/one-server.test.ts` has the sums. */
const isOfWorker = (record: Group["records"][number]): boolean =>
  "rpc" in record ? record.rpc === "ModelStatistics" : "path" in record && record.path.endsWith("/stats");

/** Two workers of this process; the clients' one forwards all that it can. */
async function startTarget(group: Group, counts: { forwarded: number }): Promise<Target> {
  const { path, flags, env, remove } = recordedRepository(group);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const linked = await startForwarding(serveOptions(flags));
  vi.unstubAllEnvs();
  const { grpc = 0, http = 0, metrics = 0 } = linked.front.ports;
  return {
    ...{ host: "127.0.0.1", grpc, http, metrics, repository: path },
    async stop() {
      const { homed, balanced } = linked.front.peers!.counts;
      counts.forwarded = homed + balanced;
      expect(linked.behind.peers!.counts.received).toBe(counts.forwarded);
      await linked.stop();
      remove();
    },
  };
}

// Models of the JavaScript backend run in threads of the built product.
expect(existsSync(builtFile("runtime/server/index.js"))).toBe(true);
