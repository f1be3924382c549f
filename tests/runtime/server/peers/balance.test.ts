/**
 * Which requests a busy worker forwards: expensive ones, behind which others wait, to the worker that would run them soonest.
 */
import { afterEach, describe, expect, test } from "vitest";
import { createStatistics, recordSuccess } from "#runtime/server/observe/statistics.js";
import { chooseIdle } from "#runtime/server/peers/balance.js";
import type { PeerLink } from "#runtime/server/peers/link.js";
import { createLoad, type VersionLoad, type WorkerLoad } from "#runtime/server/peers/load.js";
import { elapse } from "../../../run/wait.js";

const versionOf = (cost: number): VersionLoad => ({
  ...{ statistics: createStatistics(), isEnsemble: false, cost, inFlight: 0, received: 0, seen: { count: 0, ns: 0 } },
});
const loadOf = (backlog: number): WorkerLoad => ({ backlog: () => backlog }) as unknown as WorkerLoad;
const linkOf = (index: number, outstanding: number, load: number, isOpen = true): PeerLink =>
  ({ index, outstanding, load, isOpen }) as unknown as PeerLink;
const input = (bytes: number) => [{ name: "X", datatype: "UINT8", shape: [bytes], data: new Uint8Array(bytes) }];
const choose = (links: readonly PeerLink[], backlog: number, cost: number, bytes = 64): number | undefined =>
  chooseIdle(links, loadOf(backlog), versionOf(cost), input(bytes))?.index;

describe("the choice", () => {
  const idle = linkOf(1, 0, 0);
  test.each([
    ["a cheap request stays", [idle], 10_000, 100, 64, undefined],
    ["one of unknown cost stays", [idle], 10_000, 0, 64, undefined],
    ["one behind which nothing waits stays", [idle], 0, 1000, 64, undefined],
    ["an expensive one behind which another waits moves", [idle], 1000, 1000, 64, 1],
    ["one whose tensors cost more to send than to compute stays", [idle], 100_000, 1000, 2 ** 20, undefined],
    ["one that would wait there as long stays", [linkOf(1, 1000, 0)], 1000, 1000, 64, undefined],
    ["the soonest is chosen", [linkOf(1, 900, 0), linkOf(2, 100, 0), linkOf(3, 500, 0)], 1000, 1000, 64, 2],
    ["two busy workers do not swap their work", [linkOf(1, 0, 1)], 8000, 1000, 64, undefined],
    ["a worker that is half busy gets less", [linkOf(1, 0, 0.5), linkOf(2, 400, 0)], 3000, 1000, 64, 2],
    ["a link that is away or congested gets none", [linkOf(1, 0, 0, false)], 9000, 1000, 64, undefined],
  ])("%s", (_, links, backlog, cost, bytes, chosen) => {
    expect(choose(links, backlog, cost, bytes)).toBe(chosen);
  });
});

describe("costs", () => {
  let load: WorkerLoad | undefined;
  afterEach(() => load?.stop());

  const spin = (ms: number): void => {
    const end = performance.now() + ms;
    while (performance.now() < end);
  };
  const times = (ns: number) => ({ input: 0, infer: ns, output: 0 });

  test("are measured by executions that use the processor, and not by those that wait", async () => {
    load = createLoad(() => {});
    const [works, waits] = [createStatistics(), createStatistics()];
    const [working, waiting] = [load.open(works, false), load.open(waits, false)];
    expect(load.open(works, false)).toBe(working);
    load.begins(waiting);
    for (let i = 0; i < 10; i++) {
      recordSuccess(waits, 1, 0, times(50e6), 50e6);
      await elapse(25);
    }
    expect(waiting.cost).toBeGreaterThan(0);
    expect(waiting.cost).toBeLessThan(25_000);
    load.ends(waiting, false);
    load.begins(working);
    for (let i = 0; i < 30; i++) {
      const cpu = process.cpuUsage();
      spin(10);
      const { user, system } = process.cpuUsage(cpu);
      recordSuccess(works, 1, 0, times((user + system) * 1000), 10e6);
      await new Promise(resolve => setImmediate(resolve));
    }
    await elapse(50);
    load.ends(working, false);
    expect(working.cost).toBeGreaterThan(1000);
    expect(working.cost).toBeLessThan(20_000);
    expect(waiting.cost).toBeLessThan(25_000);
  });
});
