/** Requests that wait for the end of their turn: together, in order, in bounded groups, before long work, and not where each is alone. */
import { beforeEach, expect, test } from "vitest";
import { atOnce, inSlices, type Sliced } from "#runtime/base/slices.js";
import { turnEnd } from "#runtime/base/turn-end.js";

const nextTurn = () => new Promise<void>(resolve => setImmediate(resolve));

/** A request that notes each part of its work. */
async function request(notes: string[], name: string, ns?: number): Promise<void> {
  await turnEnd(ns);
  notes.push(`${name} begins`);
  await Promise.resolve();
  notes.push(`${name} ends`);
}

// Enough in one turn that one of them notices the others. The next one waits then, after any other test of the process.
beforeEach(async () => {
  await Promise.all(Array.from({ length: 18 }, () => turnEnd()));
});

test("requests of one turn continue together, part by part, after what the turn reads", async () => {
  const notes: string[] = [];
  const all = ["a", "b", "c"].map(name => request(notes, name));
  await Promise.resolve();
  notes.push("read");
  await Promise.all(all);
  expect(notes).toEqual(["read", "a begins", "b begins", "c begins", "a ends", "b ends", "c ends"]);
});

test("at most 16 continue together, and the others after them in the same turn", async () => {
  const notes: string[] = [];
  const all = Array.from({ length: 40 }, (_, i) => request(notes, String(i)));
  await nextTurn();
  const of = (from: number, to: number): string[] =>
    ["begins", "ends"].flatMap(what => Array.from({ length: to - from }, (_, i) => `${from + i} ${what}`));
  expect(notes).toEqual([...of(0, 16), ...of(16, 32), ...of(32, 40)]);
  await Promise.all(all);
});

test("a request that is alone in its turn waits for its end one time in seventeen, until there are others", async () => {
  const waits = async (): Promise<boolean> => {
    const end = turnEnd();
    await end;
    await nextTurn();
    return end !== undefined;
  };
  for (let i = 0; i < 16; i++) expect(await waits()).toBe(true);
  const later: boolean[] = [];
  for (let i = 0; i < 34; i++) later.push(await waits());
  expect(later.flatMap((one, i) => (one ? [i] : []))).toEqual([16, 33]);
  // The seventeenth of those that arrive together notices the others: each turn has two again.
  const many = Array.from({ length: 20 }, () => turnEnd());
  expect(many.findIndex(end => end !== undefined)).toBe(16);
  await Promise.all(many);
  expect([turnEnd(), turnEnd()].map(end => end !== undefined)).toEqual([true, true]);
  await nextTurn();
});

test("work in slices runs after the requests of the turn, and after what they leave for the next tick", async () => {
  const notes: string[] = [];
  const work = (function* (): Sliced<string> {
    notes.push("slice");
    yield;
    return "done";
  })();
  const long = inSlices(work);
  const short = request(notes, "short").then(() => process.nextTick(() => notes.push("written")));
  expect(await long).toBe("done");
  await short;
  expect(notes).toEqual(["short begins", "short ends", "written", "slice"]);
});

test("work in slices continues if no request waits", async () => {
  const work = (function* (): Sliced<number> {
    for (let i = 0; i < 5; i++) yield;
    return 5;
  })();
  expect(await inSlices(work)).toBe(5);
  expect(
    atOnce(
      (function* (): Sliced<number> {
        yield;
        return 1;
      })(),
    ),
  ).toBe(1);
});
