/**
 * Loads many models: those without dependencies beside each other, then the others in order.
 */
import { load } from "./load-model.js";
import type { ModelSet } from "./model-set.js";
import { stepOfLoad } from "./next-step.js";
import type { PolledModel } from "./polled-model.js";
import type { Round } from "./read-models.js";
import { type SwapGroup, swapGroup } from "./swap-group.js";

/**
 * @param isWhole whether the repositories are still as they were when they were read: else plans that changed with their models do not take their places
 * @returns whether all are ready
 */
export async function loadAll(
  set: ModelSet,
  names: readonly string[],
  round: Round,
  isWhole: () => Promise<boolean> = async () => true,
): Promise<boolean> {
  const { known, states } = set;
  const polled = await readAll(set, names, round);
  const group = groupOf(set, polled);
  let good = polled.size === names.length;
  const loadOne = async (key: string): Promise<void> => {
    const before = states.isReady(key) ? known.of(key).polled : undefined;
    if (stepOfLoad(before, polled.get(key)!, false) === "leave") return;
    await load(set, key, { round, ...(group.has(key) && { group }) }).catch(() => {
      good = false;
    });
  };
  const alone = [...polled].flatMap(([key, { dependencies }]) => (dependencies.length === 0 ? [key] : []));
  const { agreement } = set.options;
  const together = agreement?.isActive === true;
  await inParallel(alone, together ? 1 : (set.options.loadsAtOnce ?? 1), loadOne);
  for (const key of polled.keys()) if (!alone.includes(key)) await loadOne(key);
  const whole = await isWhole();
  if (together ? await agreement.agreeWhole(whole) : whole) group.put();
  // As if they had never been read, so that the next poll loads them.
  else
    for (const key of group.leave()) known.change(key, { polled: { ...polled.get(key)!, mark: "", files: new Map() } });
  return good;
}

/** Those that can be read. */
async function readAll(
  { known, reader }: ModelSet,
  names: readonly string[],
  round: Round,
): Promise<ReadonlyMap<string, PolledModel>> {
  const polled = new Map<string, PolledModel>();
  for (const key of names) {
    const one = await reader.read(key, known.of(key).override, round).catch(() => undefined);
    if (one) polled.set(key, one);
  }
  return polled;
}

const groupOf = ({ known, states, ids }: ModelSet, polled: ReadonlyMap<string, PolledModel>): SwapGroup =>
  swapGroup(polled, {
    // An ensemble that has a member among them would not find it: it is checked as soon as the member is loaded.
    mayWait: key => states.isReady(key) && known.dependentsOf(key).length === 0,
    keyOf: (name, key) => ids.near(name, ids.of(key).namespace),
  });

async function inParallel(keys: readonly string[], count: number, work: (key: string) => Promise<void>): Promise<void> {
  const queue = [...keys];
  await Promise.all(
    Array.from({ length: Math.max(1, count) }, async () => {
      for (let key = queue.shift(); key !== undefined; key = queue.shift()) await work(key);
    }),
  );
}
