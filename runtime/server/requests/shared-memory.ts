/**
 * System shared memory of clients: regions by name, which are files under /dev/shm; tensors are read from and written to them with plain file
 * calls. A region stays usable after its file was unlinked, as a mapping does.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { RESERVE_IS_LEFT, takesReserve } from "../../base/descriptors.js";
import { internal, invalid, RuntimeFault, refuse, unavailable } from "../../base/errors.js";

export interface Region {
  readonly name: string;
  readonly key: string;
  readonly offset: number;
  readonly byte_size: number;
}

/** A checked piece of a region. */
export interface RegionPart {
  readonly size: number;
  read(): Buffer;
  /** Reads a part to the same place of `data`, which is for the whole. */
  readPart(data: Buffer, from: number, to: number): void;
  write(data: Uint8Array): void;
}

export interface SharedMemory {
  /** All regions by name, or the one. @throws RuntimeFault */
  status(name: string): readonly Region[];
  register(region: Region): void | Promise<void>;
  /**
   * All regions when the name is empty; an unknown one is not a fault. A region that a request uses stays until the last such request has
   * ended.
   */
  unregister(name: string): void | Promise<void>;
  /** For one request. */
  open(): UsedRegions;
}

export interface Regions {
  /**
   * @param offset of the part in the region
   * @param size any 64-bit integers, negative ones as two's complement
   * @throws RuntimeFault for a region that is not registered, or too small
   */
  part(name: string, offset: bigint, size: bigint): RegionPart;
}

/** The regions that a request uses. */
export interface UsedRegions extends Regions {
  /** The request has ended, and its answer is written. */
  release(): void;
}

interface Entry {
  readonly region: Region;
  readonly descriptor: number;
  /** Requests that use it. */
  users: number;
  /** It is unregistered when the last of them has ended. */
  leaving: boolean;
}

const PAGE = 4096;
/** Triton's sizes have 64 bits. */
const SIZE_MAX = 2n ** 64n - 1n;
const RESERVED = "triton_python_backend_shm_region_";
/** Each region holds a file descriptor. */
const MAX_REGIONS = 512;

export function createSharedMemory(): SharedMemory {
  const regions = new Map<string, Entry>();
  const remove = ({ region, descriptor }: Entry): void => {
    regions.delete(region.name);
    closeSync(descriptor);
  };
  return {
    status(name) {
      const found = [...regions.values()]
        .map(({ region }) => region)
        .filter(region => !name || region.name === name)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      if (name && found.length === 0)
        throw new RuntimeFault("NOT_FOUND", `Unable to find system shared memory region: '${name}'`);
      return found;
    },
    register(region) {
      const { name, key } = region;
      const file = fileOf(key);
      if (file === "") refuse(`cannot register shared memory region '${name}' - invalid shm key '${key}'`);
      if (file.startsWith(RESERVED))
        refuse(
          `cannot register shared memory region '${name}' with key '${key}' as the key contains the reserved prefix '${RESERVED}'`,
        );
      if (regions.has(name))
        throw new RuntimeFault("ALREADY_EXISTS", `shared memory region '${name}' already in manager`);
      if (regions.size >= MAX_REGIONS)
        throw unavailable(`${MAX_REGIONS} shared memory regions are registered; unregister one first`);
      regions.set(name, { region, descriptor: open(region), users: 0, leaving: false });
    },
    unregister(name) {
      for (const entry of [...regions.values()])
        if (!name || entry.region.name === name) {
          if (entry.users > 0) entry.leaving = true;
          else remove(entry);
        }
    },
    open: () => usedRegions(regions, remove),
  };
}

function usedRegions(regions: ReadonlyMap<string, Entry>, remove: (entry: Entry) => void): UsedRegions {
  /** Most requests use none. */
  let used: Set<Entry> | undefined;
  const use = (entry: Entry): void => {
    used ??= new Set();
    if (used.has(entry)) return;
    used.add(entry);
    entry.users++;
  };
  return {
    part(name, givenOffset, givenSize) {
      const entry = regions.get(name);
      if (!entry) throw new RuntimeFault("NOT_FOUND", `Unable to find shared memory region: '${name}'`);
      const { region, descriptor } = entry;
      const [wideOffset, wideSize] = [BigInt.asUintN(64, givenOffset), BigInt.asUintN(64, givenSize)];
      if (wideOffset >= region.byte_size) refuse(`Invalid offset for shared memory region: '${name}'`);
      if (wideOffset + wideSize > SIZE_MAX)
        refuse(
          `Integer overflow detected: byte_size (${wideSize}) + offset (${wideOffset}) exceeds maximum value (${SIZE_MAX}) for region '${name}'`,
        );
      if (wideOffset + wideSize > region.byte_size)
        refuse(`Invalid offset + byte size for shared memory region: '${name}'`);
      use(entry);
      const size = Number(wideSize);
      const at = region.offset + Number(wideOffset);
      // The number of a closed descriptor is that of another file soon.
      const requireOpen = (): void => {
        if (!used?.has(entry))
          throw new RuntimeFault("NOT_FOUND", `shared memory region '${name}' is used after its request has ended`);
      };
      return {
        size,
        read() {
          const data = Buffer.alloc(size);
          this.readPart(data, 0, size);
          return data;
        },
        readPart(data, from, to) {
          requireOpen();
          // A client may have cut its file since; a mapping would end the process here.
          let done = from;
          while (done < to) {
            const count = readSync(descriptor, data, done, to - done, at + done);
            if (count === 0)
              throw invalid(
                `shared memory region '${name}' has ${done} bytes, expected ${size}; its file is shorter than when it was registered`,
              );
            done += count;
          }
        },
        write(data) {
          requireOpen();
          writeSync(descriptor, data, 0, data.byteLength, at);
        },
      };
    },
    release() {
      for (const entry of used ?? []) if (--entry.users === 0 && entry.leaving) remove(entry);
      used = undefined;
    },
  };
}

/** A key names the same file with any number of slashes in front. */
const fileOf = (key: string): string => key.replace(/^\/+/, "");

/** Opens a region's file as `shm_open` and `mmap` would; only a plain file directly under /dev/shm will do. */
function open({ name, key, offset, byte_size }: Region): number {
  const file = fileOf(key);
  const unable = (cause?: unknown): RuntimeFault =>
    internal(`Unable to open shared memory region: '${key}'`, { cause });
  if (/[/\0]/.test(file) || file === "." || file === "..") throw unable();
  let descriptor: number;
  try {
    descriptor = openSync(`/dev/shm/${file}`, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    throw unable(error);
  }
  try {
    if (takesReserve(descriptor, "half"))
      throw unavailable(`shared memory region '${name}' is not opened: ${RESERVE_IS_LEFT}`);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw unable();
    if (offset + byte_size > stats.size) refuse(`failed to register shared memory region '${name}': invalid args`);
    if (byte_size === 0 || offset % PAGE !== 0)
      refuse(`failed to register shared memory region '${name}': unable to process address spaceInvalid argument`);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}
