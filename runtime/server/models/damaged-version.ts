/**
 * A version that serves, and whose files turned out not to be what was written: it answers no more, and the index says why.
 */
import type { ReadyVersion } from "./ready-version.js";
import { closeVersions, type ReplaceContext } from "./replace-versions.js";
import { moved, UNAVAILABLE } from "./version-state.js";

/** @param takeDown ends the model and the ensembles that need it */
export async function takeDownDamaged(
  context: Pick<ReplaceContext, "closing" | "log" | "states" | "generations" | "options">,
  key: string,
  ready: ReadyVersion,
  reason: string,
  takeDown: () => Promise<void>,
): Promise<void> {
  const { log, states } = context;
  const versions = states.get(key);
  const version = versions?.get(ready.version);
  // A newer one has taken its place meanwhile.
  if (!versions || version?.ready !== ready) return;
  log.error("model_lifecycle", `unloading '${key}' version ${ready.version}: ${reason}`);
  // The other workers get no more answers of it.
  context.generations.delete(ready);
  if (states.readyOf(key).length > 1) {
    const unloading = moved(version, "unload");
    versions.set(ready.version, unloading);
    await closeVersions(context, key, new Map([[ready.version, unloading]]));
  } else await takeDown();
  versions.set(ready.version, Object.freeze({ ...UNAVAILABLE, reason: `Invalid argument: ${reason}` }));
}
