/**
 * Marks of the models whose native code a process runs now, in a file that outlives the process. After a crash the server reads which model
 * was running, and all workers then run that model in processes of their own. A mark costs 2 ns a run.
 */
import { readFileSync, truncateSync, writeFileSync } from "node:fs";

/** A version of a model, with the time and size of its file: a changed file is another build. */
export interface ModelBuild {
  readonly model: string;
  readonly version: string;
  readonly file: string;
}

export interface NativeMark {
  /** Whether the model must run in a process of its own, since its native code ended a worker. */
  readonly isIsolated: boolean;
  /** On the event loop, or on another thread. A crash ends all of them, and only the event loop makes a process silent. */
  enter(place: Place): void;
  leave(place: Place): void;
  release(): void;
}

type Place = "loop" | "thread";

/** Counts of runs in each place, then the bytes of the build as JSON, ended by a zero. */
const SLOT_BYTES = 512;
const TEXT_AT = 8;
/** Models beyond these have no marks. */
const SLOTS = 2048;

let cells: Int32Array | undefined;
let bytes = new Uint8Array();
const free: number[] = [];
let used = 0;

const marks = new Map<string, Set<Mark>>();
const isolated = new Map<string, ModelBuild>();

const keyOf = ({ model, version, file }: ModelBuild): string => JSON.stringify([model, version, file]);

/** Makes the file of a process's marks. */
export function createMarks(path: string): void {
  writeFileSync(path, "", { flag: "wx", mode: 0o600 });
  truncateSync(path, SLOTS * SLOT_BYTES);
}

/** @param memory the file, mapped for writing; without it, marks are not kept */
export function keepMarksIn(memory: ArrayBuffer | undefined): void {
  cells = memory && new Int32Array(memory);
  bytes = memory ? new Uint8Array(memory) : bytes;
}

/** @param only those that ran in this place @returns the models whose native code ran when the process ended */
export function readMarks(path: string, only?: Place): readonly ModelBuild[] {
  const file = readFileSync(path);
  const found = new Map<string, ModelBuild>();
  for (let at = 0; at + SLOT_BYTES <= file.length; at += SLOT_BYTES) {
    const threads = only === "loop" ? 0 : file.readInt32LE(at + 4);
    if (file.readInt32LE(at) <= 0 && threads <= 0) continue;
    const end = file.indexOf(0, at + TEXT_AT);
    const key = file.toString("utf8", at + TEXT_AT, end);
    const [model, version, stamp] = JSON.parse(key) as [string, string, string];
    found.set(key, { model, version, file: stamp });
  }
  return [...found.values()];
}

class Mark implements NativeMark {
  isIsolated: boolean;
  readonly #key: string;
  readonly #at: number | undefined;

  constructor(key: string) {
    this.#key = key;
    this.isIsolated = isolated.has(key);
    const text = Buffer.from(key);
    const slot =
      cells && text.length < SLOT_BYTES - TEXT_AT ? (free.pop() ?? (used < SLOTS ? used++ : undefined)) : undefined;
    if (slot === undefined) return;
    this.#at = (slot * SLOT_BYTES) / 4;
    bytes.fill(0, slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES);
    bytes.set(text, slot * SLOT_BYTES + TEXT_AT);
  }

  enter(place: Place): void {
    if (this.#at !== undefined) cells![this.#at + (place === "loop" ? 0 : 1)]!++;
  }

  leave(place: Place): void {
    if (this.#at !== undefined) cells![this.#at + (place === "loop" ? 0 : 1)]!--;
  }

  release(): void {
    const same = marks.get(this.#key);
    same?.delete(this);
    if (same?.size === 0) marks.delete(this.#key);
    if (this.#at === undefined) return;
    cells![this.#at] = 0;
    cells![this.#at + 1] = 0;
    free.push((this.#at * 4) / SLOT_BYTES);
  }
}

/** The mark of a session; release it with the session. */
export function markOf(build: ModelBuild): NativeMark {
  const key = keyOf(build);
  const mark = new Mark(key);
  const same = marks.get(key) ?? new Set();
  marks.set(key, same.add(mark));
  return mark;
}

/** From now on these run in processes of their own, also those that are open. */
export function isolate(builds: readonly ModelBuild[]): void {
  for (const build of builds) {
    const key = keyOf(build);
    isolated.set(key, build);
    for (const mark of marks.get(key) ?? []) mark.isIsolated = true;
  }
}

/** Open models that run in processes of their own since they ended a worker. */
export const isolatedModels = (): readonly ModelBuild[] =>
  [...isolated].flatMap(([key, build]) => (marks.has(key) ? [build] : []));
