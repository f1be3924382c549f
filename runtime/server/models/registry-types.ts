/** The options of a registry of models, and its interface. */

import type { ModelVersion } from "../../base/model-version.js";
import type { Damage } from "./agreement.js";
import type { IndexEntry } from "./model-states.js";
import type { Override } from "./override.js";
import type { FailedVersion, ReadyVersion } from "./ready-version.js";
import type { Ahead } from "./swap-group.js";

export interface Registry {
  /** Loads the models of a name, and first those they depend on. @throws RuntimeFault with Triton's text */
  load(name: string, override?: Override): Promise<void>;
  /** @param dependents also unload an ensemble's members that were loaded only for it */
  unload(name: string, dependents?: boolean): Promise<void>;
  /** Loads every model, or those named; faults are logged and kept in the index. Answers whether all are ready. */
  start(names: readonly string[]): Promise<boolean>;
  /** Polls the repositories: loads new and changed models, unloads removed ones. */
  poll(): Promise<void>;
  stop(): Promise<void>;
  /** Marks of the ready models by key: equal marks, equal files and configurations. */
  marks(): ReadonlyMap<string, string>;
  /** Versions that a back end once failed to load. */
  failed(): readonly FailedVersion[];
  /** Models that could be read and have no version to load. */
  empty(): readonly string[];
  /**
   * The version of a request: the greatest ready one for -1.
   * @throws RuntimeFault
   */
  find(name: string, version: ModelVersion, how?: Find): ReadyVersion;
  /** A version that is loaded, also one that waits for its place or was replaced; undefined if there is none of this generation. */
  ofGeneration(generation: string): ReadyVersion | undefined;
  /** Unloads a version whose files another worker has found damaged. */
  damaged(damage: Damage): void;
  /** Resolves when no request of this process needs a version of this generation. */
  released(generation: string): Promise<void>;
  /** Ready versions of every model, by repository, name and version. */
  ready(): readonly ReadyVersion[];
  /** Whether every requested model is ready (strict readiness). */
  allReady(): boolean;
  index(): Promise<readonly IndexEntry[]>;
}

export interface Find {
  /** One will do that still ends its requests: an ensemble's members outlive it. */
  readonly closing?: boolean | undefined;
  /** The repository whose model is meant where several have one of that name; without it they are ambiguous. */
  readonly near?: string | undefined;
  /** Versions that wait for their place, and are meant before those that have it. */
  readonly ahead?: Ahead | undefined;
}
