/**
 * A lock beside a folder, for programs that change what is in it. Its file names the holder. The lock of a process that ended is taken over,
 * by one successor: the successor's file is named after the file that it succeeds.
 */
import { randomBytes } from "node:crypto";
import { linkSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { OWNER_TAG, ownerIsGone, ownerTag } from "../../contract/files/owner-tag.js";

export const holderSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  tag: z.string(),
  host: z.string(),
  pid: z.number(),
  program: z.string(),
  since: z.string(),
});
export type Holder = Readonly<z.output<typeof holderSchema>>;

/** @param program what the holder says that it is, for people */
export const newHolder = (program: string): Holder => ({
  id: randomBytes(6).toString("hex"),
  tag: ownerTag(),
  host: hostname(),
  pid: process.pid,
  program,
  since: new Date().toISOString(),
});

export const describeHolder = ({ program, pid, host, since }: Holder): string =>
  `\`${program}\` (process ${pid} on ${host}, since ${since})`;

/** A holder on another machine or in another container cannot be seen. A build does not take as long. */
const UNSEEN_MS = 3_600_000;

/** @param ageMs of the file that names it */
export function holderIsGone({ tag }: Holder, ageMs: number): boolean {
  const isSeen = tag.split(".")[0] === ownerTag().split(".")[0];
  return isSeen ? ownerIsGone(tag) : ageMs > UNSEEN_MS;
}

const PAUSE_MS = 25;
/** Browsers, in which the compiler runs too, may have no shared memory. */
export const pauseMs = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

export interface LockOptions {
  /** How long to wait for another holder. @default 60 s */
  readonly waitMs?: number;
}

/** The files of a folder's lock: the lock, the one that a process writes before it takes it, and successors of the dead. */
const filesOf = (folder: string) => {
  const [parent, name] = [dirname(folder), basename(folder)];
  return {
    parent,
    lock: join(parent, `.merlon-lock-${name}`),
    own: ({ tag, id }: Holder) => join(parent, `.merlon-holder-${tag}-${id}-${name}`),
    successor: ({ id }: Holder) => join(parent, `.merlon-successor-${id}-${name}`),
    /** The tag of the process that wrote a file of the second kind. */
    ownerOf: (entry: string) => new RegExp(`^\\.merlon-holder-(${OWNER_TAG})-[0-9a-f]{12}-(.*)$`, "s").exec(entry),
    isSuccessor: (entry: string) => /^\.merlon-successor-[0-9a-f]{12}-(.*)$/s.exec(entry)?.[1] === name,
    name,
  };
};
type Files = ReturnType<typeof filesOf>;

/**
 * Runs `work` while no other process does so for this folder.
 * @param folder absolute; its parent exists, and links are resolved
 * @throws Error naming the holder if it keeps the lock for longer
 */
export function withLock<T>(folder: string, holder: Holder, work: () => T, { waitMs = 60_000 }: LockOptions = {}): T {
  const files = filesOf(folder);
  const own = files.own(holder);
  writeFileSync(own, `${JSON.stringify(holder)}\n`);
  let places: readonly string[];
  try {
    places = waitForPlace(files, own, waitMs);
  } finally {
    rmSync(own, { force: true });
  }
  try {
    removeOthers(files, places);
    return work();
  } finally {
    // The first before the others: a process that takes one of those in between finds the first changed.
    for (const place of places) rmSync(place, { force: true });
  }
}

function waitForPlace(files: Files, own: string, waitMs: number): readonly string[] {
  const end = performance.now() + waitMs;
  for (;;) {
    const taken = takePlace(files, own);
    if (Array.isArray(taken)) return taken;
    if (performance.now() > end)
      throw new Error(
        `${taken ? describeHolder(taken) : "Another process"} is writing \`${files.name}\`. Try again when it has ended. If it ended without removing ${files.lock}, remove that file.`,
      );
    pauseMs(PAUSE_MS);
  }
}

/** @returns the files that hold the lock (the last is ours), its present holder, or undefined if the lock changed meanwhile */
function takePlace({ lock, successor }: Files, own: string): string[] | Holder | undefined {
  const places = [lock];
  let first: string | undefined;
  for (let place = lock; !linked(own, place); places.push(place)) {
    const holder = readHolder(place);
    if (!holder || !holderIsGone(holder, ageOf(place, own))) return holder;
    first ??= holder.id;
    place = successor(holder);
  }
  if (first === undefined || readHolder(lock)?.id === first) return places;
  rmSync(places.at(-1)!, { force: true });
  return undefined;
}

/** Makes `place` with the content of `own`, unless it exists. */
function linked(own: string, place: string): boolean {
  try {
    linkSync(own, place);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(place: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(place, "utf8")));
  } catch {
    return undefined;
  }
}

/** By the clock of the file system, which other machines may share. */
function ageOf(place: string, own: string): number {
  const made = lstatSync(place, { throwIfNoEntry: false })?.mtimeMs;
  return made === undefined ? 0 : statSync(own).mtimeMs - made;
}

/** Files of processes that ended while they waited for the lock, or took it. */
function removeOthers({ parent, name, ownerOf, isSuccessor }: Files, places: readonly string[]): void {
  for (const entry of readdirSync(parent)) {
    const [, tag, of] = ownerOf(entry) ?? [];
    const isLeft = tag !== undefined && of === name && ownerIsGone(tag);
    if (isLeft || (isSuccessor(entry) && !places.includes(join(parent, entry))))
      rmSync(join(parent, entry), { force: true });
  }
}
