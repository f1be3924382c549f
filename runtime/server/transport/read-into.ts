/**
 * Reads a socket into one buffer that all sockets share, as Node does for clients by the option `onread`. A fresh buffer for each read is
 * most of the cost of a large request. Memory outside the heap also triggers full collections.
 */
import { Socket } from "node:net";

/** The first reads of a socket are short: of many that send at once, each is read before one of them can be held back. */
const SHORTEST = 2 ** 14;
/** Fits a processor's cache, and takes much of a large request in one call of the system. */
const LONGEST = 2 ** 18;
const GROWTH = 4;
/** The next read is longer or shorter, by the time of this one. */
const QUICK_MS = 0.25;
const SLOW_MS = 1;
/** Number of sockets that continue with long reads after a pause, as at the end of a request; all could send at once again. */
const MOST_LONG = 4;

let shared: Buffer | undefined;
/** Sockets whose next read may be longer than the shortest. */
let long = 0;

/** Node's handle inside a socket, which may be missing. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

/**
 * @param take gets the received bytes, which are valid until it returns; if it returns false, reading pauses until `socket.resume()`
 */
export function readInto(socket: Socket, take: (chunk: Buffer) => unknown): void {
  const handle = (socket as { readonly _handle?: Handle })._handle;
  const slots = socket as unknown as Record<symbol, unknown>;
  const slot = (name: string): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  const [buffer, callback, next] = [slot("kBuffer"), slot("kBufferCb"), slot("kBufferGen")];
  // Other kinds of sockets, TLS among them, have layers of their own.
  const plain = Object.getPrototypeOf(socket) === Socket.prototype && handle?.useUserBuffer;
  const free = (place: symbol | undefined): place is symbol => place !== undefined && slots[place] === null;
  if (!plain || !free(buffer) || !free(callback) || !free(next)) {
    socket.on("data", (chunk: Buffer) => {
      if (take(chunk) === false) socket.pause();
    });
    return;
  }
  shared ??= Buffer.allocUnsafeSlow(LONGEST);
  const all = shared;
  let size = SHORTEST;
  const setSize = (wanted: number): void => {
    if (wanted === size) return;
    long += Number(wanted > SHORTEST) - Number(size > SHORTEST);
    size = wanted;
    slots[buffer] = all.subarray(0, size);
  };
  slots[buffer] = all.subarray(0, size);
  slots[callback] = (bytes: number): boolean => {
    const chunk = all.subarray(0, bytes);
    if (bytes < SHORTEST) {
      if (size > SHORTEST && long > MOST_LONG) setSize(SHORTEST);
      return take(chunk) !== false;
    }
    const began = performance.now();
    const goesOn = take(chunk) !== false;
    const took = performance.now() - began;
    if (took > SLOW_MS) setSize(Math.max(SHORTEST, size / GROWTH));
    else if (took < QUICK_MS && bytes === size) setSize(Math.min(LONGEST, size * GROWTH));
    return goesOn;
  };
  // Node gives what this returns to the system for the next read.
  slots[next] = () => slots[buffer];
  socket.once("close", () => setSize(SHORTEST));
  handle.useUserBuffer!(slots[buffer] as Buffer);
  // Node emits the end only on a socket that flows.
  socket.resume();
}
