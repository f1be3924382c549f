/**
 * A file that is written by the first process that needs it, and mapped by all: its memory is there once for a machine. Files of a repository
 * are not mapped. One that is truncated meanwhile would crash its readers, and one that is overwritten would change their answers.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, existsSync, fchmodSync, ftruncateSync, openSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Mapping, mapping } from "./mapping.js";
import { hasRoom, isAt, sharedFolder, sweep } from "./shared-folder.js";

/** Smaller ones cost less than a map. */
export const SHARED_FROM = 2 ** 20;

export interface SharedFile {
  /** The file's memory. A change of it is this process's own. */
  readonly bytes: Uint8Array;
  /** The file; it exists while `bytes` is referenced. */
  readonly path: string;
}

/** The file's contents: equal keys are equal bytes. */
export interface Content<Done> {
  /** The kind of content with its version, and its source. */
  readonly key: string;
  /** About how many bytes it takes. */
  readonly size: number;
  /** Writes the open file, which is empty and has this path. An error means that it is not shared. */
  write(file: number, path: string): Done;
}

/** Files of other versions have other names. */
const VERSION = 1;
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 100;
/** Another process that writes for longer is not waited for. */
const PATIENCE_MS = 60_000;

let swept: string | undefined;

interface Place {
  readonly binding: Mapping;
  readonly path: string;
}

interface Writing {
  readonly file: number;
  readonly path: string;
  finish(): void;
  abandon(): void;
}

function placeOf({ key, size }: Content<unknown>): Place | undefined {
  if (size < SHARED_FROM) return undefined;
  const binding = mapping();
  const folder = binding && sharedFolder();
  if (!binding || !folder) return undefined;
  if (swept !== folder) {
    sweep(folder, binding);
    swept = folder;
  }
  const name = createHash("sha256").update(`${VERSION} ${key}`).digest("hex").slice(0, 32);
  const path = join(folder, name);
  return existsSync(path) || hasRoom(folder, size) ? { binding, path } : undefined;
}

function open({ binding, path }: Place): SharedFile | undefined {
  const memory = binding.openShared(path);
  return memory && { bytes: new Uint8Array(memory), path };
}

/** @returns undefined if the last user of the folder has just removed it */
function openNew(path: string): number | undefined {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** @returns undefined while another process writes the file, or has just written it */
function begin({ binding, path }: Place): Writing | undefined {
  const part = `${path}.part`;
  if (!sharedFolder()) throw new Error("the folder of shared files is another user's");
  const file = openNew(part);
  if (file === undefined) return undefined;
  const abandon = (): void => {
    if (isAt(part, file)) unlinkSync(part);
    closeSync(file);
  };
  try {
    if (!binding.lockFile(file) || !isAt(part, file)) {
      closeSync(file);
      return undefined;
    }
    if (existsSync(path)) {
      abandon();
      return undefined;
    }
    ftruncateSync(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return {
    file,
    path: part,
    finish: () => {
      fchmodSync(file, 0o400);
      renameSync(part, path);
      closeSync(file);
    },
    abandon,
  };
}

/** Times to wait, in milliseconds, until the patience ends. */
function* waits(): Generator<number> {
  let wait = FIRST_WAIT_MS;
  for (let waited = 0; waited < PATIENCE_MS; waited += wait) {
    yield wait;
    wait = Math.min(LONGEST_WAIT_MS, 2 * wait);
  }
}

/** A step of sharing that its caller carries out: time to wait, in milliseconds, or the end of a writing. */
type Step<Done> = { readonly wait: number } | { readonly written: Done };

/** Opens the file, or writes it first, or waits for another process that does. @returns undefined after too long a wait */
function* share<Done>(place: Place, content: Content<Done>): Generator<Step<Done>, SharedFile | undefined> {
  for (const wait of waits()) {
    const found = open(place);
    if (found) return found;
    const writing = begin(place);
    if (!writing) yield { wait };
    else
      try {
        yield { written: content.write(writing.file, writing.path) };
        writing.finish();
      } catch (error) {
        writing.abandon();
        throw error;
      }
  }
  return undefined;
}

/** @returns undefined if it can't be shared: no binding, no room, or too small. The caller then holds the content itself. */
export function sharedFileSync(content: Content<void>): SharedFile | undefined {
  const place = placeOf(content);
  if (!place) return undefined;
  const steps = share(place, content);
  try {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      if ("wait" in value) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, value.wait);
    }
  } catch {
    // The caller reads the source by itself, and reports its fault.
    return undefined;
  }
}

/** The same beside other work. */
export async function sharedFile(content: Content<Promise<void>>): Promise<SharedFile | undefined> {
  const place = placeOf(content);
  if (!place) return undefined;
  const steps = share(place, content);
  try {
    for (let step = steps.next(); ; ) {
      const { done, value } = step;
      if (done) return value;
      const ended = "wait" in value ? delay(value.wait) : value.written;
      step = await ended.then(
        () => steps.next(),
        error => steps.throw(error),
      );
    }
  } catch {
    // As above.
    return undefined;
  }
}
