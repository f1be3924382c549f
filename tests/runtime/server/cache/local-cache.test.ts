// Random histories of a response cache beside another owner of the server's memory, against a list of entries, the last used at its end.
import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryBudget } from "#runtime/base/memory/memory-budget.js";
import { createLocalCache, type ResponseCache } from "#runtime/server/cache/local-cache.js";
import type { BackendResponse } from "#runtime/server/contract.js";

/** The size of an entry beside its tensors. */
const ENTRY = 256;
/** The share of a budget from which new work is refused. */
const REFUSED_FROM = 0.9;
const SIZE = 3000;
const LIMIT = 4000;

interface Real {
  readonly cache: ResponseCache;
  readonly budget: MemoryBudget;
  readonly others: ReturnType<MemoryBudget["open"]>;
}
interface Model {
  entries: Map<string, { readonly bytes: number; readonly mark: number }>;
  others: number;
}
const heldBy = ({ entries }: Model): number => [...entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
/** Without the oldest while there is too much. */
function evict(model: Model, isTooMuch: () => boolean): void {
  for (const key of [...model.entries.keys()]) {
    if (!isTooMuch()) return;
    model.entries.delete(key);
  }
}

class Command implements fc.Command<Model, Real> {
  readonly #name: string;
  readonly #run: (model: Model, real: Real) => void;
  constructor(name: string, run: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#run = run;
  }
  check = () => true;
  run(model: Model, real: Real): void {
    this.#run(model, real);
    expect(real.budget.charged).toBe(heldBy(model) + model.others);
    expect(heldBy(model)).toBeLessThanOrEqual(SIZE);
  }
  toString = () => this.#name;
}

let marks = 0;
const answer = (bytes: number, mark: number): BackendResponse => ({
  outputs: [
    { name: "A", datatype: "UINT8", shape: [bytes >> 1], data: new Uint8Array(bytes >> 1).fill(mark) },
    {
      name: "B",
      datatype: "UINT8",
      shape: [bytes - (bytes >> 1)],
      data: new Uint8Array(bytes - (bytes >> 1)).fill(mark),
    },
  ],
});
const put = (key: string, size: number) =>
  new Command(`put ${key} of ${size}`, (model, { cache }) => {
    const mark = ++marks % 256;
    const bytes = size + ENTRY;
    const given = answer(size, mark);
    const said = cache.put(key, given);
    // The cache has a copy.
    for (const { data } of given.outputs) data.fill(0);
    if (bytes > SIZE) {
      expect(said).toBe(`Requested byte_size: ${bytes} is greater than total cache size: ${SIZE}`);
      return;
    }
    model.entries.delete(key);
    const isRefused = () => heldBy(model) + model.others + bytes > LIMIT * REFUSED_FROM;
    evict(model, () => heldBy(model) + bytes > SIZE || isRefused());
    if (isRefused())
      expect(said).toBe(`Requested byte_size: ${bytes} is greater than the memory that the server has left`);
    else {
      expect(said).toBeUndefined();
      model.entries.set(key, { bytes, mark });
    }
  });
const get = (key: string) =>
  new Command(`get ${key}`, (model, { cache }) => {
    const found = model.entries.get(key);
    const response = cache.get(key);
    if (!found) {
      expect(response).toBeUndefined();
      return;
    }
    expect(response).toEqual(answer(found.bytes - ENTRY, found.mark));
    model.entries.delete(key);
    model.entries.set(key, found);
  });
const shrink = () =>
  new Command("shrink", (model, { cache }) => {
    const most = heldBy(model) / 2;
    cache.shrink();
    evict(model, () => heldBy(model) > most);
  });
const charge = (bytes: number) =>
  new Command(`others have ${bytes}`, (model, { others }) => {
    others.subtract(model.others);
    others.force(bytes);
    model.others = bytes;
  });

test("the cache holds what the list holds", () => {
  const key = fc.constantFrom("a", "b", "c", "d", "e");
  const size = fc.oneof(fc.nat({ max: 1500 }), fc.constantFrom(0, 1, SIZE - ENTRY - 1, SIZE - ENTRY, SIZE - ENTRY + 1));
  const commands = fc.commands(
    [
      fc.tuple(key, size).map(([name, bytes]) => put(name, bytes)),
      fc.tuple(key, size).map(([name, bytes]) => put(name, bytes)),
      key.map(get),
      key.map(get),
      fc.constant(null).map(shrink),
      fc.nat({ max: LIMIT }).map(charge),
    ],
    { maxCommands: 60, size: "max" },
  );
  fc.assert(
    fc.property(commands, all => {
      const budget = new MemoryBudget(LIMIT, { resident: () => 0 });
      const real = { cache: createLocalCache(SIZE, budget), budget, others: budget.open() };
      fc.modelRun(() => ({ model: { entries: new Map(), others: 0 }, real }), all);
    }),
    { numRuns: 100 },
  );
});
