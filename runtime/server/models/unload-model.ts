/**
 * Unloads a model and, if requested, the members of an ensemble that nothing else needs.
 */
import { membersOf } from "./link-members.js";
import { relink } from "./load-model.js";
import type { ModelSet } from "./model-set.js";
import { patiently, takeDown } from "./take-down.js";

/** Resolves when its versions have ended, or still end the requests in flight. @param dependents also members that were loaded only for it */
export async function unload(set: ModelSet, key: string, dependents = false): Promise<void> {
  const { known, loads, states, ids } = set;
  await loadsAround(set, key);
  const { polled } = known.of(key);
  ids.delete(key);
  const down = takeDown(set, key, relink).then(() => polled?.upload?.discard());
  known.change(key, { isRequested: false, override: undefined, polled: undefined });
  await patiently(down);
  if (!dependents || !polled) return;
  const isNeeded = (member: string): boolean =>
    known.of(member).isRequested === true ||
    known.dependentsOf(member).some(other => states.isReady(other) || loads.has(other));
  for (const member of membersOf(polled)) if (!isNeeded(member)) await unload(set, member, true);
}

/** An unload waits for loads that need the model, as in Triton: else an ensemble would be ready without its member. */
async function loadsAround({ known, loads }: ModelSet, key: string): Promise<void> {
  for (;;) {
    const running = [...known.withNaming(key)].flatMap(name => loads.of(name) ?? []);
    if (running.length === 0) return;
    await Promise.allSettled(running);
  }
}
