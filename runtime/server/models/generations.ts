/**
 * The loaded versions of this process by generation. Workers of one server name a version to each other by its generation. A model that is loaded again
 * keeps its name and its numbers, and changes its generation.
 */
import { createHash } from "node:crypto";
import type { ModelVersion } from "../../base/model-version.js";
import type { PolledModel } from "./polled-model.js";
import type { ReadyVersion } from "./ready-version.js";

/** Bytes of the hash: two different loads of a server do not meet by chance. */
const BYTES = 15;

/** Equal in all workers that loaded the version from the same files, with the same configuration. @returns 20 characters */
export function generationOf(polled: PolledModel, namespace: string, version: ModelVersion): string {
  return createHash("sha256")
    .update(JSON.stringify([namespace, polled.config.name, String(version), polled.mark]))
    .digest()
    .toString("base64url", 0, BYTES);
}

interface Loaded {
  readonly version: ReadyVersion;
  readonly released: Promise<void>;
  readonly release: () => void;
}

export class Generations {
  /** Several where the same files were loaded again before the old version ended; the newest is the last. */
  readonly #loaded = new Map<string, Loaded[]>();

  /** A version without a generation belongs to a server of one process. */
  add(version: ReadyVersion): void {
    const { generation } = version;
    if (generation === undefined) return;
    let release = (): void => {};
    const released = new Promise<void>(resolve => {
      release = resolve;
    });
    const all = this.#loaded.get(generation) ?? [];
    all.push({ version, released, release });
    this.#loaded.set(generation, all);
  }

  /** A version that is loaded: it serves, or it waits for its place, or still ends the requests of some worker. */
  find(generation: string): ReadyVersion | undefined {
    return this.#loaded.get(generation)?.at(-1)?.version;
  }

  /** No request of this process needs the version any more. */
  release(version: ReadyVersion): void {
    this.#of(version)?.release();
  }

  delete(version: ReadyVersion): void {
    const { generation } = version;
    const loaded = this.#of(version);
    if (generation === undefined || !loaded) return;
    loaded.release();
    const others = this.#loaded.get(generation)!.filter(one => one !== loaded);
    if (others.length > 0) this.#loaded.set(generation, others);
    else this.#loaded.delete(generation);
  }

  /** Resolves when no request of this process needs the oldest version of the generation: at once if there is none. */
  async released(generation: string): Promise<void> {
    await this.#loaded.get(generation)?.[0]?.released;
  }

  #of(version: ReadyVersion): Loaded | undefined {
    return this.#loaded.get(version.generation ?? "")?.find(one => one.version === version);
  }
}
