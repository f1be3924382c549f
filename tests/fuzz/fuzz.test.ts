/**
 * The short form of `npm run fuzz:server`: two thousand mutated requests a protocol, and HTTP/2 connections, leave the server up and right.
 */
import { expect, test } from "vitest";
import { fuzz } from "./run.mjs";
import { startFuzzed } from "./server.mjs";

type Reports = Readonly<
  Record<
    string,
    { readonly silent: readonly string[]; readonly seeds: number; readonly statuses: Readonly<Record<string, number>> }
  >
>;

test("mutated requests are all answered, and the next good one rightly", async () => {
  const server = await startFuzzed();
  try {
    // Machines that run tests are busy: the long form holds answers to a second.
    const report = await Promise.race([
      fuzz(server, { count: 2000, seed: 20_261_124, patience: 15_000, check: server.check }),
      server.died,
    ]);
    for (const { silent, seeds, statuses } of Object.values(report as Reports)) {
      expect(silent).toEqual([]);
      expect(seeds).toBeGreaterThan(20);
      // Refused and accepted ones: what is sent is nearly good.
      expect(Object.keys(statuses).length).toBeGreaterThan(2);
    }
  } finally {
    await server.stop();
  }
}, 110_000);
