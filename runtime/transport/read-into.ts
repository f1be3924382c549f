/**
 * Reads a socket into one buffer that all sockets share, as Node does for clients by the option `onread`. A fresh buffer for each read is most of what a large
 * request costs: its memory, and the full collections that memory outside the heap drives.
 */
import { Socket } from "node:net";

/** Fits a processor's cache, and takes much of a large request in one call of the system. */
const SIZE = 2 ** 18;
let shared: Buffer | undefined;

/** What Node has inside a socket; nothing is taken for granted. */
interface Handle {
  useUserBuffer?(buffer: Uint8Array): void;
}

/**
 * @param take given the bytes that came, which are valid until it returns; when it returns false, nothing more is read until `socket.resume()`
 */
export function readInto(socket: Socket, take: (chunk: Buffer) => unknown): void {
  const handle = (socket as { readonly _handle?: Handle })._handle;
  const slots = socket as unknown as Record<symbol, unknown>;
  const slot = (name: string): symbol | undefined =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name);
  const [buffer, callback] = [slot("kBuffer"), slot("kBufferCb")];
  // Other kinds of sockets, TLS among them, have layers of their own.
  const plain = Object.getPrototypeOf(socket) === Socket.prototype && handle?.useUserBuffer;
  if (!plain || !buffer || !callback || slots[buffer] !== null || slots[callback] !== null) {
    socket.on("data", (chunk: Buffer) => {
      if (take(chunk) === false) socket.pause();
    });
    return;
  }
  shared ??= Buffer.allocUnsafeSlow(SIZE);
  const all = shared;
  slots[buffer] = all;
  slots[callback] = (bytes: number): boolean => take(all.subarray(0, bytes)) !== false;
  handle.useUserBuffer!(all);
  // Its end is told only to a socket that flows.
  socket.resume();
}
