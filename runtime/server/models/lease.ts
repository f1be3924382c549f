/**
 * The models of one request. Each stays in the version that was ready when the request began, for any number of calls and reloads.
 * A version that was replaced is unloaded when the last request that holds it has ended.
 */
import { RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import type { Lease, ModelRef } from "../../engine/schedule/lease.js";
import type { ReadyVersion } from "./ready-version.js";
import type { Find, Registry } from "./registry-types.js";

interface Found {
  readonly model: string;
  readonly version: ModelVersion;
  /** Empty where no repository is named. */
  readonly near: string;
  readonly found: ReadyVersion | RuntimeFault;
}

export class VersionLease implements Lease {
  /** A missing model stays missing until the request ends. A list, since a request calls few models, and each more than once. */
  readonly #found: Found[] = [];
  readonly #held: ReadyVersion[] = [];
  readonly #registry: Registry;
  #ended = false;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** A lease that a request carries. */
  static of(lease: Lease): VersionLease {
    if (lease instanceof VersionLease) return lease;
    throw new TypeError("a lease of another kind");
  }

  /**
   * Holds these models and all that they call in turn. A fault is thrown when the model is called.
   * @param how.near the caller's repository
   */
  hold(asked: readonly ModelRef[], { closing, near: by, ahead }: Find): void {
    for (const { model, version, near = by } of asked) this.#resolve(model, version, { closing, near, ahead });
  }

  /** The version that this request calls; one that was not a known dependency is held from now on. @throws RuntimeFault */
  find(model: string, version: ModelVersion, how: Find): ReadyVersion {
    const found = this.#resolve(model, version, how);
    if (found instanceof RuntimeFault) throw found;
    return found;
  }

  /** A lease of the same versions, for a part of the request that may outlast the rest. */
  fork(): VersionLease {
    const made = new VersionLease(this.#registry);
    made.#found.push(...this.#found);
    for (const version of this.#held) {
      version.refcount.retain();
      made.#held.push(version);
    }
    return made;
  }

  agrees(other: Lease, models: readonly string[], near: string | undefined): boolean {
    const same = VersionLease.of(other);
    return models.every(model => this.#resolve(model, -1, { near }) === same.#resolve(model, -1, { near }));
  }

  end(): void {
    this.#ended = true;
    for (const { refcount } of this.#held.splice(0)) refcount.release();
  }

  #resolve(model: string, version: ModelVersion, { closing = false, near, ahead }: Find): ReadyVersion | RuntimeFault {
    const by = near ?? "";
    for (const known of this.#found)
      if (known.model === model && known.version === version && known.near === by) return known.found;
    let found: ReadyVersion | RuntimeFault;
    try {
      found = this.#registry.find(model, version, { closing, near, ahead });
    } catch (error) {
      found = RuntimeFault.from(error);
    }
    this.#found.push({ model, version, near: by, found });
    if (found instanceof RuntimeFault) return found;
    // A stage that outlives its request, after a fallback, keeps nothing loaded.
    if (!this.#ended && found.refcount.acquire()) this.#held.push(found);
    if (found.loaded.dependencies) this.hold(found.loaded.dependencies, { closing, near: found.namespace, ahead });
    return found;
  }
}
