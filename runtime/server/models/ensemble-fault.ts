/**
 * Checks the members of an ensemble before the ensemble itself: members that are missing or not ready → Triton's text, or nothing.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { ModelVersion } from "../../base/model-version.js";
import { idText } from "./model-ids.js";

/**
 * @param key what logs call it
 * @param missing members that could not be polled
 * @param readyOf the ready versions of a model
 * @param failure why a member's load failed
 */
export function ensembleFault(
  key: string,
  { ensemble_scheduling }: ModelConfig,
  missing: readonly string[],
  readyOf: (member: string) => readonly { readonly version: ModelVersion }[],
  failure: (member: string) => string | undefined,
): string | undefined {
  // Triton gives up at the first member that is not there.
  if (missing.length > 0) return `ensemble ${key} contains models that are not available or ambiguous: ${missing[0]}`;
  for (const { model_name: name, model_version: version, model_namespace: namespace } of ensemble_scheduling?.step ??
    []) {
    const member = idText({ namespace, name });
    const ready = readyOf(member);
    if (ready.length === 0) {
      const cause = failure(member);
      if (cause?.startsWith("circular dependency")) return cause;
      return `ensemble '${key}' depends on '${member}' which has no loaded version.${cause ? ` Model '${member}' loading failed with error: ${cause}` : ""}`;
    }
    if (version !== -1 && !ready.some(one => one.version === version))
      return `ensemble '${key}' depends on '${member}' whose required version ${version} is not loaded.`;
  }
  return undefined;
}
