/** Mutants of a made file, by made tests: each way in which one is noticed, or is not. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ROOT } from "../run/graph.mjs";
import { notesIn } from "./orders.mjs";
import { runMutants } from "./run-mutants.mjs";

const folder = mkdtempSync(join(import.meta.dirname, "made-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const made = (name: string): string => relative(ROOT, join(folder, name));

/** A source as it is, and with switches as StrykerJS' instrumenter makes them. */
const SOURCE =
  "export const least = 1;\nexport const isFew = (n: number) => n < 10;\nexport const isSlow = () => false;\nexport const settled = async () => {};\nexport const closed = async () => {};\n";
const INSTRUMENTED = `const state = (globalThis as any).__stryker__ ??= {};
state.activeMutant ??= process.env.__STRYKER_ACTIVE_MUTANT__;
const on = (id: string): boolean => {
  const coverage = state.mutantCoverage ??= { static: {}, perTest: {} };
  const hits = state.currentTestId ? coverage.perTest[state.currentTestId] ??= {} : coverage.static;
  hits[id] = (hits[id] ?? 0) + 1;
  return state.activeMutant === id;
};
export const least = on("imported") ? 2 : 1;
export const isFew = (n: number) => {
  if (on("ends")) process.exit(3);
  if (on("remembered")) state.broken = true;
  if (state.broken) throw new Error("broken");
  return on("killed") ? n <= 10 : on("equal") ? n <= 9 : n < 10;
};
export const isSlow = () => {
  if (!on("slowed") || state.slowed) return false;
  state.slowed = true;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return true;
};
export const settled = () => on("waits") ? new Promise(() => {}) : Promise.resolve();
export const closed = () => on("keeps") ? new Promise(() => {}) : Promise.resolve();
export const unused = () => on("unreached");
`;
const TESTS = `import { afterEach, describe, expect, test, vi } from "vitest";
import { closed, isFew, isSlow, least, settled } from "./source.js";
test("settled", async () => {
  vi.useFakeTimers();
  await settled();
  vi.useRealTimers();
});
test("few", () => expect([9, 10].map(isFew)).toEqual([true, false]));
test("slow", () => expect(isSlow()).toBe(false));
describe("hooks", () => {
  let left: Promise<void> | undefined;
  afterEach(() => left);
  test("closed", () => void (left = closed()));
});
test("least", () => expect(least).toBe(1));
`;

test("mutants are killed in turns or alone, end their process, survive, or are not reached", async () => {
  const instrumented = join(folder, "work", "instrumented");
  mkdirSync(dirname(join(instrumented, made("source.ts"))), { recursive: true });
  writeFileSync(join(instrumented, made("source.ts")), INSTRUMENTED);
  writeFileSync(join(folder, "source.ts"), SOURCE);
  writeFileSync(join(folder, "planted.test.ts"), TESTS);
  const ids = ["imported", "killed", "equal", "ends", "remembered", "unreached", "slowed", "waits", "keeps"];
  const said: string[] = [];
  const ran: { id: string; status: string }[] = [];
  await runMutants(
    join(folder, "work"),
    ids.map(id => ({ id })),
    [made("planted.test.ts")],
    { print: (text: string) => void said.push(text), judged: (some: typeof ran) => void ran.push(...some) },
  );
  expect(Object.fromEntries(ran.map(({ id, status }) => [id, status]))).toEqual({
    ...{ killed: "Killed", equal: "Survived", ends: "Killed", imported: "Killed", unreached: "NoCoverage" },
    // The test fails without it afterwards, too, so it runs alone.
    remembered: "Killed",
    // It fails slowly once, as on a busy machine.
    slowed: "Survived",
    // No timer of its test ends the wait.
    waits: "Killed",
    // Its test passes, and the hook waits.
    keeps: "Killed",
  });
  expect(said.filter(text => text.includes("alone"))).toEqual(["4 killed, 2 survive; 2 alone"]);
}, 300_000);

test("a journal is read up to a line that was cut short", () => {
  const journal = join(folder, "journal.jsonl");
  expect(notesIn(journal)).toEqual([]);
  writeFileSync(journal, '{"killed":"1"}\n{"began":"2"}\n{"kil');
  expect(notesIn(journal)).toEqual([{ killed: "1" }, { began: "2" }]);
});
