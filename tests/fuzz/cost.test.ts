/**
 * The search for costly requests finds a flaw that is planted into a server, and one of memory behind a meter without a server.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import "../needs/built.js";
import { climb } from "./cost/climb.mjs";
import { isHeld } from "./cost/groups.mjs";
import * as shapes from "./cost/http-shapes.mjs";
import { fuzzCost } from "./cost.mjs";

interface Built {
  readonly writes: readonly Buffer[];
  readonly charged: number;
}
interface Member {
  readonly built: Built;
}

test("a quadratic check that is planted into a server is found", { timeout: 300_000 }, async () => {
  const plant = fileURLToPath(new URL("./cost/planted-flaw.mjs", import.meta.url));
  const server = { models: ["echo_int32", "echo_bytes"], nodeFlags: ["--import", plant] };
  const report = await fuzzCost("http", { requests: 2000, seed: 1, enough: 1, server });
  expect(report.ended).toBeUndefined();
  expect(report.violations.map(({ kind }: { kind: string }) => kind)).toEqual(["cpu"]);
});

/** A meter of a server with a flaw: megabytes beyond what the size costs. */
function fakeMeter(flaw: (built: Built) => number) {
  let stretches = 0;
  const cost = (members: readonly Member[]) => {
    stretches++;
    let [micros, grownMb] = [0, 0];
    for (const { built } of members) {
      micros += 300 + (built.charged / 1024) * 8;
      grownMb += flaw(built);
    }
    return { micros, grownMb, answered: true };
  };
  return {
    stretches: () => stretches,
    group: async (members: readonly Member[]) => cost(members),
    careful: async (member: Member) => cost([member]),
  };
}

test("a field that takes a hundred times its size is found within 500 requests", async () => {
  const meter = fakeMeter(({ writes, charged }) => {
    const parameters =
      Buffer.concat(writes)
        .toString("latin1")
        .split(/"p\d+":/).length - 1;
    return parameters > 100 ? (100 * charged) / 2 ** 20 : 0;
  });
  for (const seed of [1, 2, 3]) {
    const { violations } = await climb(shapes, meter, { requests: 500, seed, enough: 1 });
    expect(violations.map(({ kind }: { kind: string }) => kind)).toEqual(["memory"]);
  }
});

test("most requests are measured in groups where none is costly", async () => {
  const meter = fakeMeter(() => 0);
  const { sent, alone, violations } = await climb(shapes, meter, { requests: 1000, seed: 4 });
  expect([sent, violations]).toEqual([1000, []]);
  expect(alone).toBeLessThan(500);
  expect(meter.stretches()).toBeLessThan(700);
});

test("a group holds if it costs less than the smallest budget of its members", () => {
  const member = (kb: number) => ({ built: { charged: kb * 1024, requests: 1 } });
  const cost = (micros: number, grownMb = 0, answered = true) => ({ micros, grownMb, answered });
  // The budget of 20 KB is 6 ms and 1.3 MB, that of 100 KB 10 ms.
  const members = [member(100), member(20)];
  expect(isHeld(cost(4700), members)).toBe(true);
  expect(isHeld(cost(6100), members)).toBe(false);
  expect(isHeld(cost(6100), [member(100), member(100)])).toBe(true);
  expect(isHeld(cost(100, 1.4), members)).toBe(false);
  expect(isHeld(cost(100, 0, false), members)).toBe(false);
});
