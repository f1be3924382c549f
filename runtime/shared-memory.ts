/**
 * System shared memory of clients: regions by name, which are files under /dev/shm; tensors are read from and written to them with plain file
 * calls. A region stays usable after its file was unlinked, as a mapping does.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { RuntimeFault } from "./errors.js";

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
  register(region: Region): void;
  /** All regions when the name is empty; an unknown one is no fault. */
  unregister(name: string): void;
  /** @param offset of the part in the region @param size any 64-bit integers, negative ones as two's complement; @throws RuntimeFault */
  part(name: string, offset: bigint, size: bigint): RegionPart;
}

const PAGE = 4096;
/** Triton's sizes have 64 bits. */
const SIZE_MAX = 2n ** 64n - 1n;
const RESERVED = "triton_python_backend_shm_region_";
/** Each region holds a file descriptor. */
const MAX_REGIONS = 512;

export function createSharedMemory(): SharedMemory {
  const regions = new Map<string, Region & { readonly descriptor: number }>();
  return {
    status(name) {
      const found = [...regions.values()]
        .filter(region => !name || region.name === name)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      if (name && found.length === 0)
        throw new RuntimeFault("NOT_FOUND", `Unable to find system shared memory region: '${name}'`);
      return found.map(({ descriptor: _, ...region }) => region);
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
        throw new RuntimeFault(
          "UNAVAILABLE",
          `${MAX_REGIONS} shared memory regions are registered; unregister one first`,
        );
      regions.set(name, { ...region, descriptor: open(region) });
    },
    unregister(name) {
      for (const region of [...regions.values()])
        if (!name || region.name === name) {
          regions.delete(region.name);
          closeSync(region.descriptor);
        }
    },
    part(name, givenOffset, givenSize) {
      const region = regions.get(name);
      if (!region) throw new RuntimeFault("NOT_FOUND", `Unable to find shared memory region: '${name}'`);
      const [wideOffset, wideSize] = [BigInt.asUintN(64, givenOffset), BigInt.asUintN(64, givenSize)];
      if (wideOffset >= region.byte_size) refuse(`Invalid offset for shared memory region: '${name}'`);
      if (wideOffset + wideSize > SIZE_MAX)
        refuse(
          `Integer overflow detected: byte_size (${wideSize}) + offset (${wideOffset}) exceeds maximum value (${SIZE_MAX}) for region '${name}'`,
        );
      if (wideOffset + wideSize > region.byte_size)
        refuse(`Invalid offset + byte size for shared memory region: '${name}'`);
      const size = Number(wideSize);
      const at = region.offset + Number(wideOffset);
      // The number of a closed descriptor is that of another file soon.
      const requireOpen = (): void => {
        if (regions.get(name) !== region)
          throw new RuntimeFault(
            "NOT_FOUND",
            `shared memory region '${name}' was unregistered while a request used it`,
          );
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
            const count = readSync(region.descriptor, data, done, to - done, at + done);
            if (count === 0)
              throw new RuntimeFault(
                "INVALID_ARGUMENT",
                `shared memory region '${name}' has ${done} bytes where ${size} were asked for; its file is shorter than when it was registered`,
              );
            done += count;
          }
        },
        write(data) {
          requireOpen();
          writeSync(region.descriptor, data, 0, data.byteLength, at);
        },
      };
    },
  };
}

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

/** A key names the same file with any number of slashes in front. */
const fileOf = (key: string): string => key.replace(/^\/+/, "");

/** Opens a region's file as `shm_open` and `mmap` would; only a plain file directly under /dev/shm will do. */
function open({ name, key, offset, byte_size }: Region): number {
  const file = fileOf(key);
  const unable = (cause?: unknown): RuntimeFault =>
    new RuntimeFault("INTERNAL", `Unable to open shared memory region: '${key}'`, { cause });
  if (/[/\0]/.test(file) || file === "." || file === "..") throw unable();
  let descriptor: number;
  try {
    descriptor = openSync(`/dev/shm/${file}`, constants.O_RDWR | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    throw unable(error);
  }
  try {
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
