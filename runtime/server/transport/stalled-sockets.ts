/**
 * Clients that stop reading. A socket whose client has taken no bytes of its responses for a while is closed, and its memory freed. A
 * client that reads, however slowly, and one that waits for an answer are left alone.
 */
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

/** How often a client is looked at before its time is over; it is given up at most one look late. */
export const LOOKS = 6;
/** Milliseconds until a client that stops reading is disconnected. */
export const STALL_TIME = 30_000;

interface Watched {
  /** Bytes whose write is over. One long write is over when its last byte is. */
  written: number;
  /** The bytes that the system had not seen acknowledged. */
  queued: string | undefined;
  looks: number;
}

export interface StallWatch {
  add(socket: Socket): void;
  stop(): void;
}

/** @param time milliseconds; 0 for no limit @param look is called at each check, for other watchers */
export function watchStalls(time: number, look: () => void = () => {}): StallWatch {
  const sockets = new Map<Socket, Watched>();
  let busy = false;
  const visit = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    look();
    const waiting = [...sockets].filter(([socket, watched]) => mayBeStuck(socket, watched));
    const queues = waiting.length > 0 ? await sendQueues() : new Map<string, string>();
    for (const [socket, watched] of waiting)
      if (isStuck(watched, queues.get(keyOf(socket.localPort!, socket.remotePort!))))
        socket.destroy(new Error(`the client has read nothing for ${time / 1000} s`));
    busy = false;
  };
  const timer = time > 0 ? setInterval(() => void visit(), time / LOOKS).unref() : undefined;
  return {
    add(socket) {
      if (!timer) return;
      sockets.set(socket, { written: 0, queued: undefined, looks: 0 });
      socket.once("close", () => sockets.delete(socket));
    },
    stop: () => clearInterval(timer),
  };
}

function mayBeStuck(socket: Socket, watched: Watched): boolean {
  const written = socket.bytesWritten - socket.writableLength;
  const waits = socket.writableLength > 0 && written === watched.written && !socket.destroyed;
  watched.written = written;
  if (!waits) watched.looks = 0;
  return waits;
}

function isStuck(watched: Watched, queued: string | undefined): boolean {
  watched.looks = queued !== undefined && (watched.looks === 0 || queued === watched.queued) ? watched.looks + 1 : 0;
  watched.queued = queued;
  return watched.looks > LOOKS;
}

const keyOf = (local: number, remote: number): string => `${local} ${remote}`;

/**
 * Bytes that the system has sent or will send and the other side has not acknowledged, by both ports. They distinguish a slow client from a
 * stalled one, while a socket takes new bytes only when much of its buffer is free. Sockets of equal ports count together. Linux only;
 * elsewhere no client is disconnected.
 */
async function sendQueues(): Promise<Map<string, string>> {
  const queues = new Map<string, string>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await readFile(file, "latin1").catch(() => "");
    for (const [, local, remote, queued] of text.matchAll(ROW)) {
      const key = keyOf(Number.parseInt(local!, 16), Number.parseInt(remote!, 16));
      queues.set(key, `${queues.get(key) ?? ""} ${queued}`);
    }
  }
  return queues;
}
/** A connection that is established (01) or half closed. */
const ROW = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) (?:01|04|08|09) ([0-9A-F]{8}):/gm;
