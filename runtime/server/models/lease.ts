/**
 * The models of one request. Each stays in the version that was ready when the request began, for any number of calls and reloads.
 * A version that was replaced is unloaded when the last request that holds it has ended.
 */
import { RuntimeFault, unavailable } from "../../base/errors.js";
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

/** A version of a lease, by which another worker finds its own: the same model, loaded from the same files. */
export interface Pin {
  readonly model: string;
  /** As it is called: -1 for the latest. */
  readonly version: ModelVersion;
  /** Empty where no repository is named. */
  readonly near: string;
  readonly generation: string;
}

export class VersionLease implements Lease {
  /** A missing model stays missing until the request ends. A list, since a request calls few models, and each more than once. */
  readonly #found: Found[] = [];
  readonly #held: ReadyVersion[] = [];
  readonly #registry: Registry;
  /** Versions of a request that another worker forwarded: its lease has them. */
  readonly #pins: readonly Pin[];
  #ended = false;

  constructor(registry: Registry, pins: readonly Pin[] = []) {
    this.#registry = registry;
    this.#pins = pins;
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
    const made = new VersionLease(this.#registry, this.#pins);
    made.#found.push(...this.#found);
    for (const version of this.#held) {
      version.refcount.retain();
      made.#held.push(version);
    }
    return made;
  }

  /** The versions that it has so far, for a worker that runs a part of the request. */
  pins(): readonly Pin[] {
    const found = this.#found.flatMap(({ model, version, near, found: one }) =>
      one instanceof RuntimeFault || one.generation === undefined
        ? []
        : [{ model, version, near, generation: one.generation }],
    );
    const isFound = (pin: Pin): boolean => found.some(one => isSameCall(one, pin));
    return [...found, ...this.#pins.filter(pin => !isFound(pin))];
  }

  agrees(other: Lease, models: readonly string[], near: string | undefined): boolean {
    const same = VersionLease.of(other);
    return models.every(model => this.#resolve(model, -1, { near }) === same.#resolve(model, -1, { near }));
  }

  end(): void {
    this.#ended = true;
    for (const { refcount } of this.#held.splice(0)) refcount.release();
  }

  /** @throws RuntimeFault */
  #pinned({ model, generation }: Pin): ReadyVersion {
    const found = this.#registry.ofGeneration(generation);
    if (found) return found;
    throw unavailable(
      `model '${model}' was loaded again or unloaded while the request moved to another worker; send the request again`,
    );
  }

  #resolve(model: string, version: ModelVersion, { closing = false, near, ahead }: Find): ReadyVersion | RuntimeFault {
    const by = near ?? "";
    for (const known of this.#found)
      if (known.model === model && known.version === version && known.near === by) return known.found;
    let found: ReadyVersion | RuntimeFault;
    try {
      const pin = this.#pins.find(one => isSameCall(one, { model, version, near: by }));
      found = pin ? this.#pinned(pin) : this.#registry.find(model, version, { closing, near, ahead });
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

type Call = Pick<Pin, "model" | "version" | "near">;
const isSameCall = (a: Call, b: Call): boolean => a.model === b.model && a.version === b.version && a.near === b.near;
