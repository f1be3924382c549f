/**
 * The shared part of a registry's functions.
 */
import type { KnownModels } from "./known-models.js";
import type { RegistryOptions } from "./load-options.js";
import type { Reader } from "./read-models.js";
import type { ReplaceContext } from "./replace-versions.js";
import type { RunningLoads } from "./running-loads.js";

export interface ModelSet extends ReplaceContext {
  readonly options: RegistryOptions;
  readonly reader: Reader;
  readonly known: KnownModels;
  readonly loads: RunningLoads;
  /** Models that were read and have no version. */
  readonly empty: Set<string>;
}
