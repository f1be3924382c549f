/**
 * Ends the versions of a model, and before them the ensembles that need it.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { ModelSet } from "./model-set.js";
import { UNLOADED } from "./model-states.js";
import { closeVersions } from "./replace-versions.js";
import { moved } from "./version-state.js";

/** How long an unload call waits for requests in flight before it answers; they end all the same. */
const UNLOAD_PATIENCE_MS = 100;

export const patiently = (work: Promise<void>): Promise<void> =>
  Promise.race([work, delay(UNLOAD_PATIENCE_MS, undefined, { ref: false })]);

/** Links an ensemble to its members anew; never rejects. */
export type Relink = (set: ModelSet, ensemble: string) => Promise<void>;

/** Resolves when the requests in flight have ended. @param cause why the model fails, for the log lines of ensembles; none if it is unloaded */
export async function takeDown(set: ModelSet, key: string, relink: Relink, cause?: string): Promise<void> {
  const { states, known, loads, log, ids } = set;
  const versions = states.get(key);
  if (!versions) return;
  for (const [number, version] of versions) versions.set(number, moved(version, "unload"));
  const dependents = known.dependentsOf(key);
  for (const ensemble of dependents) loads.outdate(ensemble);
  const serving = dependents.filter(ensemble => states.isReady(ensemble));
  // Those for which another repository has a model of that name go over to it.
  for (const ensemble of serving) if (hasOther(set, ensemble, key)) await relink(set, ensemble);
  await Promise.all(
    serving
      .filter(ensemble => !hasOther(set, ensemble, key))
      .map(ensemble => {
        const fault = cause
          ? `ensemble '${ensemble}' depends on '${key}' which is not valid. Model '${key}' failed with error: ${cause}`
          : `ensemble ${ensemble} contains models that are not available or ambiguous: ${ids.of(key).name}`;
        log.error("model_repository_manager", `Invalid argument: ${fault}`);
        return takeDown(set, ensemble, relink, fault);
      }),
  );
  await closeVersions(set, key, versions);
  for (const [number, version] of versions) versions.set(number, moved(version, "closed", { reason: UNLOADED }));
}

/** Whether the ensemble can use a model of another repository in place of the removed one. */
function hasOther({ ids, states }: ModelSet, ensemble: string, gone: string): boolean {
  const other = ids.near(ids.of(gone).name, ids.of(ensemble).namespace);
  return other !== undefined && other !== gone && states.isReady(other);
}
