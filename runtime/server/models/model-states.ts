/**
 * The state of each version of each model, and the version itself while it is ready; look-ups with Triton's texts.
 */
import { UnknownModel, unavailable } from "../../base/errors.js";
import { byVersion, type ModelVersion } from "../../base/model-version.js";
import type { ModelPlace } from "./layout.js";
import type { ReadyVersion } from "./ready-version.js";
import type { Version, VersionState } from "./version-state.js";

export type Versions = Map<ModelVersion, Version>;

/** The ready version of the greatest number. */
function latestOf(versions: Versions): ReadyVersion | undefined {
  let latest: ReadyVersion | undefined;
  for (const { state, ready } of versions.values())
    if (state === "READY" && ready && !(latest && latest.version > ready.version)) latest = ready;
  return latest;
}

export interface IndexEntry {
  readonly name: string;
  readonly version?: string;
  readonly state?: VersionState;
  readonly reason?: string;
}

/** The reason of a version that was taken down on purpose. */
export const UNLOADED = "unloaded";
const NOT_UNIQUE = "model appears in two or more repositories";

/** Versions of models by the models' keys. */
export class ModelStates extends Map<string, Versions> {
  /** Set when the server has unloaded everything: a load that was in progress then closes what it made. */
  stopped = false;

  /** Ready versions of a model, ascending. @param closing those too that still end their requests */
  readyOf(name: string, closing = false): ReadyVersion[] {
    return [...(this.get(name) ?? [])]
      .flatMap(([, { state, ready }]) =>
        ready && (state === "READY" || (closing && state === "UNLOADING")) ? [ready] : [],
      )
      .sort((a, b) => byVersion(a.version, b.version));
  }

  isReady(name: string): boolean {
    return this.readyOf(name).length > 0;
  }

  /** The version of a request: the greatest ready one for -1. @throws RuntimeFault */
  find(name: string, number: ModelVersion, closing: boolean): ReadyVersion {
    const versions = this.get(name);
    const unknown = `Request for unknown model: '${name}'`;
    if (!versions) throw new UnknownModel("NOT_FOUND", `${unknown} is not found`);
    if (number === -1) {
      const latest = latestOf(versions) ?? (closing ? this.readyOf(name, true).at(-1) : undefined);
      if (!latest) throw new UnknownModel("NOT_FOUND", `${unknown} has no available versions`);
      return latest;
    }
    const version = versions.get(number);
    if (!version) throw new UnknownModel("NOT_FOUND", `${unknown} version ${number} is not found`);
    const open = version.state === "READY" || (closing && version.state === "UNLOADING");
    if (open && version.ready) return version.ready;
    throw unavailable(`${unknown} version ${number} is not at ready state`);
  }

  /** Whether nothing is on its way and nothing failed; what was unloaded on purpose does not count. */
  settled(): boolean {
    return [...this.values()].every(versions =>
      [...versions.values()].every(
        ({ state, reason }) => state === "READY" || (state === "UNAVAILABLE" && reason === UNLOADED),
      ),
    );
  }

  /** @param places models of all repositories by key */
  index(places: ReadonlyMap<string, ModelPlace>): readonly IndexEntry[] {
    return [...places].flatMap(([key, { id, folders }]): IndexEntry[] => {
      const { name } = id;
      if (folders.length > 1) return [{ name, state: "UNAVAILABLE", reason: NOT_UNIQUE }];
      const known = this.get(key);
      if (!known) return [{ name }];
      return [...known]
        .sort(([a], [b]) => byVersion(a, b))
        .map(([version, { state, reason }]) => ({
          name,
          // Triton takes -1 for "no version" when it prints.
          ...(version !== -1 && { version: String(version) }),
          state,
          ...(reason && { reason }),
        }));
    });
  }
}
