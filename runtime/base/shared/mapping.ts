/** The binding by which processes share files: `runtime/server/memory/native/mapping.c`. A server provides it; other programs share nothing. */

export interface Mapping {
  /**
   * Maps a file, and marks it as in use until the memory is collected; the last process that uses it then removes it.
   * @returns undefined for a file that does not exist, or is being removed @throws Error for one that others can write
   */
  openShared(path: string): ArrayBuffer | undefined;
  /** Locks an open file for this process alone; never waits. @returns whether it is locked */
  lockFile(file: number): boolean;
}

let load: (() => Mapping | undefined) | undefined;
let loaded: Mapping | undefined;

/** @param provider called when a file is first shared; undefined: nothing is shared from now on */
export function provideMapping(provider: (() => Mapping | undefined) | undefined): void {
  load = provider;
  loaded = undefined;
}

export function mapping(): Mapping | undefined {
  loaded ??= load?.();
  return loaded;
}
