/**
 * A version that serves, and whose files turned out not to be what was written: it answers no more, and the index says why.
 */
import type { ServerLog } from "../observe/server-log.js";
import type { ModelStates } from "./model-states.js";
import type { ReadyVersion } from "./ready-version.js";
import { closeVersions } from "./replace-versions.js";

/** @param takeDown ends the model and the ensembles that need it */
export async function takeDownDamaged(
  { log, models }: { readonly log: ServerLog; readonly models: ModelStates },
  key: string,
  ready: ReadyVersion,
  reason: string,
  takeDown: () => Promise<void>,
): Promise<void> {
  const versions = models.get(key);
  const version = versions?.get(ready.version);
  // A newer one has taken its place meanwhile.
  if (!versions || version?.ready !== ready) return;
  log.error("model_lifecycle", `unloading '${key}' version ${ready.version}: ${reason}`);
  if (models.readyOf(key).length > 1) {
    version.state = "UNLOADING";
    await closeVersions(log, key, new Map([[ready.version, version]]));
  } else await takeDown();
  versions.set(ready.version, { state: "UNAVAILABLE", reason: `Invalid argument: ${reason}` });
}
