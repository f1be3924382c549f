/** The warm-up of code before a server is ready: what it runs, what bounds it, and that nothing of it can be seen. */
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import type { BackendRequest, Executions, LoadedModel } from "#runtime/server/contract.js";
import { withDefaults } from "#runtime/server/lifecycle/server-options.js";
import type { ReadyVersion } from "#runtime/server/models/ready-version.js";
import type { Registry } from "#runtime/server/models/registry-types.js";
import { createRefcount } from "#runtime/server/models/version-refcount.js";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { createCodeWarmer } from "#runtime/server/warm-up/warm-code.js";
import { parseModelConfig } from "#triton-protos/model-config.js";
import { startServer } from "../support.js";

const input = {
  name: "x",
  datatype: "INT64" as const,
  shape: [1, 1],
  data: new Uint8Array(BigInt64Array.of(7n).buffer),
};
const config = parseModelConfig(
  'name: "m" backend: "merlon" max_batch_size: 8 instance_group [ { count: 8 kind: KIND_CPU } ] input [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ] output [ { name: "y" data_type: TYPE_INT64 dims: [ 1 ] } ]',
  "config.pbtxt",
);
const echo = (requests: readonly BackendRequest[]): Executions =>
  requests.map(({ inputs }) => ({ outputs: [{ ...inputs.get("x")!, name: "y" }] }));

function warming(execute: LoadedModel["execute"], warmUpSeconds: number) {
  const loaded = { execute, warmUps: vi.fn(() => [[input]]) } satisfies LoadedModel;
  const statistics = createStatistics();
  const version = {
    ...{ model: "m", namespace: "", version: 1, config, loaded, statistics, labels: new Map(), loadSeconds: 0 },
    refcount: createRefcount(),
  } as unknown as ReadyVersion;
  const registry = { find: () => version } as unknown as Registry;
  const options = withDefaults({ modelRepositories: [], warmUpSeconds });
  const warmer = createCodeWarmer({ options, budget: new MemoryBudget(), registry: () => registry });
  return { warmer, version, statistics, loaded };
}

describe("a version's warm-up", () => {
  it("sends requests over gRPC and HTTP, alone and together, until they get no faster, and counts none", async () => {
    const widths = new Map<number, number>();
    let inFlight = 0;
    const { warmer, version, statistics } = warming(async requests => {
      expect(requests.every(({ isWarmUp }) => isWarmUp)).toBe(true);
      inFlight++;
      await new Promise(setImmediate);
      widths.set(inFlight, (widths.get(inFlight) ?? 0) + 1);
      inFlight--;
      return echo(requests);
    }, 60);
    await warmer.warm(version);
    const sent = [...widths.values()].reduce((sum, count) => sum + count, 0);
    expect(sent % 144).toBe(0);
    expect(sent).toBeGreaterThanOrEqual(9 * 144);
    expect(Math.max(...widths.keys())).toBe(8);
    expect(statistics).toEqual(createStatistics());
  });

  it("ends with its time, though a model does not answer, and leaves no file", async () => {
    const before = temporaryFolders();
    const { warmer, version } = warming(() => new Promise(() => {}), 0.05);
    await warmer.warm(version);
    expect(temporaryFolders()).toEqual(before);
  });

  it("ends with the first request that fails", async () => {
    let asked = 0;
    const { warmer, version } = warming(requests => {
      asked++;
      return requests.map(() => new Error("no") as never);
    }, 60);
    await warmer.warm(version);
    expect(asked).toBe(1);
  });
});

const temporaryFolders = () => readdirSync(tmpdir()).filter(name => name.startsWith("merlon-warm-"));

describe("the shop's warm-up", async () => {
  const models = join(mkdtempSync(join(tmpdir(), "merlon-repository-")), "models");
  cpSync(new URL("../../../../model-repo", import.meta.url), models, { recursive: true });
  const start = (warmUpSeconds: number) =>
    startServer(models, {
      warmUpSeconds,
      seed: 3n,
      log: { verbose: 1 },
      modelControlMode: "explicit",
      loadModels: ["*"],
    });
  const warm = await start(60);
  const cold = await start(0);
  afterAll(() => Promise.all([warm.stop(), cold.stop()]));
  const lines = (log: readonly string[]) => log.filter(line => line.includes("warm-up of"));

  it("runs golden rows of its workflows at the start and at a load, without a line for a request", async () => {
    expect(lines(warm.log)).toEqual([expect.stringMatching(/warm-up of 'recommend' took \d+ ms: \d{3,} requests/)]);
    const ofRequests = /infer_handler|grpc_server|http_server|infer_request/;
    const [own, other] = [warm.log, cold.log].map(log => log.filter(line => ofRequests.test(line)).length);
    expect(own).toBe(other);
    cpSync(join(models, "recommend", "1"), join(models, "recommend", "2"), { recursive: true });
    expect((await warm.post("/v2/repository/models/recommend/load", {})).status).toBe(200);
    expect(lines(warm.log)).toHaveLength(2);
    expect(lines(cold.log)).toEqual([]);
  });

  it("draws no seed: the first responses are those of a server that did not warm up", async () => {
    const body = { inputs: [{ name: "user_id", datatype: "INT64", shape: [1, 1], data: [512300022] }] };
    const outputs = [warm, cold].map(async server => {
      const { body: response } = await server.post("/v2/models/recommend/infer", body);
      return (response as { outputs: unknown }).outputs;
    });
    const [first, expected] = await Promise.all(outputs);
    expect(expected).toHaveLength(2);
    expect(first).toEqual(expected);
  });
});
