/**
 * An index with its delta while both change: the delta is looked at ten times a second, and read from where the last reading ended. A search keeps the
 * state that it began with. A state that cannot be read is reported once, and the one before stays.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { baseFile, isGeneration } from "../../../../contract/files/delta-path.js";
import { invalid, lacksDescriptors } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import { NO_STATE, stateOf, warnByProcess } from "../../../base/watched-file.js";
import { type ReadDelta, readDelta } from "./read-delta.js";

/** How often the delta is looked at. */
const LOOK_EVERY_MS = 100;
/** States that a process meets when it starts while another compacts. */
const ATTEMPTS = 5;

interface Closable {
  close(): Promise<void> | void;
}

export interface LiveOptions<Base extends Closable, Overlay extends Closable> {
  /** The index as it was built. */
  readonly index: string;
  readonly delta: string;
  /** Opens a base: the index itself, or one that a compaction wrote. @param delta undefined if there is none */
  openBase(file: string, delta: ReadDelta | undefined): Promise<Base>;
  /** Makes the changes searchable beside their base. @param before the changes that this base had until now */
  openOverlay(base: Base, delta: ReadDelta, before: Overlay | undefined): Promise<Overlay>;
  /** @default a warning of the process */
  readonly warn?: ((text: string) => void) | undefined;
}

/** A state in use; it is closed when it is no longer the newest, and each user has released it. */
export interface Lease<Base, Overlay> {
  readonly base: Base;
  readonly overlay: Overlay | undefined;
  release(): void;
}

export interface LiveIndex<Base, Overlay> {
  acquire(): Lease<Base, Overlay>;
  close(): Promise<void>;
}

interface Counted<T> {
  readonly value: T;
  uses: number;
}

interface State<Base, Overlay> {
  /** Identifies the base. */
  readonly of: string;
  readonly base: Counted<Base>;
  readonly overlay: Counted<Overlay> | undefined;
  readonly delta: ReadDelta | undefined;
}

/** @throws Error naming the file */
export async function openLiveIndex<Base extends Closable, Overlay extends Closable>(
  options: LiveOptions<Base, Overlay>,
): Promise<LiveIndex<Base, Overlay>> {
  const { delta: file, warn = warnByProcess } = options;
  let seen = NO_STATE;
  const first = async (): Promise<State<Base, Overlay>> => {
    for (let attempt = 1; ; attempt++) {
      seen = await stateOf(file);
      try {
        return await nextState(options, undefined);
      } catch (error) {
        if (attempt === ATTEMPTS || (await stateOf(file)) === seen) throw error;
        await delay(LOOK_EVERY_MS);
      }
    }
  };
  let state = await first();
  let isRefused = false;
  const look = async (): Promise<void> => {
    const now = await stateOf(file);
    if (now === seen) return;
    try {
      const next = await nextState(options, state);
      const old = state;
      state = next;
      if (old.base !== next.base) await release(old.base);
      if (old.overlay !== next.overlay) await release(old.overlay);
      isRefused = false;
    } catch (error) {
      // A base that a compaction has just replaced.
      if ((await stateOf(file)) !== now) return;
      if (!isRefused) warn(`${(error as Error).message} What was read before is served on.`);
      isRefused = true;
      if (lacksDescriptors(error)) return;
    }
    seen = now;
  };
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (looking) return;
    looking = look().finally(() => {
      looking = undefined;
    });
    inBackground(looking, `looking for changes of ${file}`);
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    acquire: () => {
      const { base, overlay } = state;
      base.uses++;
      if (overlay) overlay.uses++;
      return {
        base: base.value,
        overlay: overlay?.value,
        release: () => {
          inBackground(release(base), `closing ${options.index}`);
          inBackground(release(overlay), `closing ${file}`);
        },
      };
    },
    close: async () => {
      clearInterval(timer);
      await looking;
      await release(state.overlay);
      await release(state.base);
    },
  };
}

/** The state itself is one use. */
async function release<T extends Closable>(counted: Counted<T> | undefined): Promise<void> {
  if (counted && --counted.uses === 0) await counted.value.close();
}

async function nextState<Base extends Closable, Overlay extends Closable>(
  options: LiveOptions<Base, Overlay>,
  before: State<Base, Overlay> | undefined,
): Promise<State<Base, Overlay>> {
  const { index, delta: file } = options;
  const delta = await (before?.delta ? before.delta.more() : readDelta(file));
  const of = delta ? `${delta.inode} ${JSON.stringify(delta.header.base)}` : "";
  const isSame = before !== undefined && before.of === of;
  const base = isSame ? before.base : { value: await openBase(options, delta), uses: 1 };
  try {
    if (!delta || delta.contents.touched.length === 0) return { of, base, overlay: undefined, delta };
    const overlay = await options.openOverlay(base.value, delta, isSame ? before.overlay?.value : undefined);
    return { of, base, overlay: { value: overlay, uses: 1 }, delta };
  } catch (error) {
    if (!isSame) await release(base);
    throw error;
  }
  function openBase({ openBase: open }: typeof options, found: ReadDelta | undefined): Promise<Base> {
    if (!found) return open(index, undefined);
    return requireBase(index, found, file).then(path => open(path, found));
  }
}

/** @returns the file @throws RuntimeFault for a delta of another build of the index */
export async function requireBase(index: string, { header }: ReadDelta, delta: string): Promise<string> {
  const { file, sha256 } = header.base;
  if (file !== "" && !isGeneration(index, file))
    throw invalid(`${delta} names the base ${file}, which is not one of ${index}.`);
  const path = baseFile(index, file);
  if ((await sumOf(path)) === sha256) return path;
  throw invalid(
    `${delta} belongs to another build of ${path}. \`merlon index apply --carry-over\` brings its changes to this one; remove the file if this build has them.`,
  );
}

/** SHA-256 of a file, beside other work. */
export async function sumOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest("hex");
}
