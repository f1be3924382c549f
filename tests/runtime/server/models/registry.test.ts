/**
 * Random histories of a repository and its registry: files change, loads are slow and fail, requests hold versions, polls, loads and unloads overlap. After each
 * step the rules of `registry/world.ts` hold. `REGISTRY_RUNS=2000 npm test -- models/registry` runs more; a failure prints
 * its history, and the server's log.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { AT_ONCE, type Disk } from "#runtime/server/models/disk.js";
import { pollModel, requireModelName } from "#runtime/server/models/poll-model.js";
import { BUILT, type Command, ENSEMBLES, LEAVES, type Leaf, type Name, type Step } from "./registry/commands.js";
import { openWorld } from "./registry/world.js";

const RUNS = Number(process.env.REGISTRY_RUNS ?? 40);
const SEED = process.env.REGISTRY_SEED ? { seed: Number(process.env.REGISTRY_SEED) } : {};

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...LEAVES, ...ENSEMBLES) },
  { weight: 1, arbitrary: fc.constantFrom(...BUILT) },
);
const leaf = fc.record({
  versions: fc.constantFrom([1], [1], [1, 2], [2]),
  slow: fc.integer({ min: 0, max: 9 }).map(n => n > 6),
  fails: fc.integer({ min: 0, max: 9 }).map(n => n > 7),
});
const members = fc.array(fc.constantFrom(...LEAVES, ...ENSEMBLES), { minLength: 1, maxLength: 2 });
const is = <T extends string>(...names: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...names);
const common: readonly fc.WeightedArbitrary<Command>[] = [
  { weight: 4, arbitrary: fc.record({ do: is("leaf"), name: is(...LEAVES), leaf }) },
  { weight: 2, arbitrary: fc.record({ do: is("ensemble"), name: is(...ENSEMBLES), members }) },
  { weight: 1, arbitrary: fc.record({ do: is("remove"), name }) },
  { weight: 4, arbitrary: fc.record({ do: is("begin"), name }) },
  { weight: 4, arbitrary: fc.record({ do: is("open", "end", "end") }) },
];
const COMMANDS = {
  explicit: fc.oneof(
    ...common,
    { weight: 7, arbitrary: fc.record({ do: is("load"), name }) },
    { weight: 5, arbitrary: fc.record({ do: is("unload"), name, dependents: fc.boolean() }) },
  ),
  poll: fc.oneof(
    ...common,
    { weight: 2, arbitrary: fc.record({ do: is("build"), slow: fc.boolean() }) },
    { weight: 7, arbitrary: fc.record({ do: is("poll") }) },
  ),
} satisfies Readonly<Record<string, fc.Arbitrary<Command>>>;
const MODES = ["explicit", "poll"] as const;

async function check(
  mode: (typeof MODES)[number],
  first: readonly (readonly Name[])[],
  steps: readonly Step[],
): Promise<string> {
  const world = openWorld(mode);
  await world.start(first);
  for (const one of steps) await world.run(one);
  await world.end();
  const log = world.log.filter(line => /model_(lifecycle|repository)/.test(line)).join("");
  if (world.broken.length > 0) throw new Error(`${world.broken.join("\n")}\n${log}`);
  return log;
}

test.each(MODES)("%s: no rule is broken", { timeout: 60_000 + RUNS * 1000 }, async mode => {
  // Few turns often: what overlaps is what is looked for.
  const turns = fc.oneof(fc.constant(undefined), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 20 }));
  const step: fc.Arbitrary<Step> = fc.record({ command: COMMANDS[mode], turns });
  const steps = fc.array(step, { minLength: 10, maxLength: 40 });
  const first = fc.array(members, { minLength: ENSEMBLES.length, maxLength: ENSEMBLES.length });
  await fc.assert(
    fc.asyncProperty(first, steps, async (...history) => void (await check(mode, ...history))),
    // Shorter histories of a failure are not searched for: where work does not end, each try takes seconds.
    { numRuns: RUNS, interruptAfterTimeLimit: 30_000 + RUNS * 1000, endOnFailure: true, ...SEED },
  );
});

const leafOf = (given: Partial<Leaf>): Leaf => ({ versions: [1], slow: false, fails: false, ...given });
const CLOSED = "a reload closes a circle of ensembles that serve";
const HISTORIES: Readonly<Record<string, readonly [first: readonly (readonly Name[])[], steps: readonly Step[]]>> = {
  "ensembles that need each other are loaded at the same time": [
    [["a"], ["b"], ["a"]],
    [
      { command: { do: "ensemble", name: "e", members: ["f"] }, turns: 0 },
      { command: { do: "ensemble", name: "f", members: ["e"] }, turns: 0 },
      { command: { do: "unload", name: "e", dependents: false } },
      { command: { do: "unload", name: "f", dependents: false } },
      { command: { do: "load", name: "e" }, turns: 0 },
      { command: { do: "load", name: "f" } },
    ],
  ],
  "an ensemble and its member follow the same model, and the member is loaded": [
    [["a"], ["a", "e"], ["b"]],
    [{ command: { do: "unload", name: "a", dependents: false } }, { command: { do: "load", name: "e" } }],
  ],
  [CLOSED]: [
    [["f"], ["a"], ["e"]],
    [
      { command: { do: "ensemble", name: "f", members: ["g"] }, turns: 0 },
      { command: { do: "load", name: "f" } },
      { command: { do: "begin", name: "e" } },
    ],
  ],
  "a model that a request holds is unloaded twice": [
    [["a"], ["a"], ["b"]],
    [
      { command: { do: "begin", name: "a" }, turns: 0 },
      { command: { do: "unload", name: "a", dependents: false } },
      { command: { do: "unload", name: "a", dependents: false } },
      { command: { do: "end" } },
    ],
  ],
  "the server stops while a model loads": [
    [["b"], ["b"], ["b"]],
    [
      { command: { do: "leaf", name: "a", leaf: leafOf({ slow: true }) }, turns: 0 },
      { command: { do: "load", name: "a" } },
      { command: { do: "stop" } },
    ],
  ],
};

test("two members of ensembles that need each other change at a time, and the poll ends", async () => {
  await check(
    "poll",
    [["a", "g"], ["f"], ["b", "e"]],
    [
      { command: { do: "leaf", name: "b", leaf: leafOf({ versions: [2] }) }, turns: 0 },
      { command: { do: "leaf", name: "a", leaf: leafOf({}) }, turns: 0 },
      { command: { do: "poll" } },
    ],
  );
});

test("a configuration that changes once it is read is a change to the next look", async () => {
  const root = mkdtempSync(join(tmpdir(), "merlon-torn-"));
  const config = join(root, "m", "config.pbtxt");
  const text = (size: number): string => `backend: "javascript" max_batch_size: ${size}`;
  mkdirSync(join(root, "m", "1"), { recursive: true });
  writeFileSync(config, text(1));
  const look = (disk: Disk) => pollModel(requireModelName("m"), { repositories: [root], disk });
  const torn = await look({
    ...AT_ONCE,
    async read(path) {
      const found = await AT_ONCE.read(path);
      writeFileSync(config, text(1000));
      return found;
    },
  });
  const next = await look(AT_ONCE);
  expect([torn.config.max_batch_size, next.config.max_batch_size]).toEqual([1, 1000]);
  expect(next.mark).not.toBe(torn.mark);
});

test.each(Object.keys(HISTORIES))("%s", async history => {
  const log = await check("explicit", ...HISTORIES[history]!);
  // Triton names the ensemble that was loaded, and the last one on the way back to it.
  if (history === CLOSED) expect(log).toContain("circular dependency between ensembles: f -> ... -> e -> f");
});
