/**
 * Loads the models of a name for a load request, and those of all repositories that they name: each may be the requested one.
 */
import { RuntimeFault } from "../../base/errors.js";
import { load } from "./load-model.js";
import type { ModelSet } from "./model-set.js";
import type { Override } from "./override.js";
import type { Round } from "./read-models.js";

/** @throws RuntimeFault with Triton's text */
export async function loadNamed(set: ModelSet, name: string, override: Override | undefined): Promise<void> {
  const { reader, known, states } = set;
  const round: Round = new Map();
  const keys = override?.files.size ? [name] : await reader.placesOf(name);
  for (const key of keys) known.change(key, { isRequested: true });
  const { found: around, whole } = await reader.namedBy(keys, override, round);
  const faults: RuntimeFault[] = [];
  for (const [key, polled] of around)
    if (polled.dependencies.length === 0) await load(set, key, { round }).catch(() => {});
  for (const key of keys)
    await load(set, key, { round, override, isRequest: true }).catch(error =>
      faults.push(RuntimeFault.from(error, (error as Error).message)),
    );
  for (const [key] of around)
    if (!states.isReady(key) && known.of(key).failure === undefined) await load(set, key, { round }).catch(() => {});
  const failed = faults.filter(({ code }) => code !== "INTERNAL");
  if (failed.length > 1) throw new RuntimeFault(failed[0]!.code, failed.map(({ message }) => message).join(""));
  if (faults.length > 0) throw failed[0] ?? faults[0];
  if (!whole) throw new RuntimeFault("INTERNAL", `failed to load '${name}', failed to poll from model repository`);
}
