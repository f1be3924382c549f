/**
 * One server's connection, made and kept by ioredis and, once it is ready, read here. HMGETs of a request are one write, and their replies
 * one buffer.
 */
import type { Redis } from "ioredis";
import { encodeHmgets, type HashReplies, type HashReplyReader, hashReplyReader } from "./hmget.js";

export interface HashStream {
  /** Whether commands can be sent now. */
  readonly ready: boolean;
  /** @throws (rejects) when the connection is closed before all replies are there */
  read(keys: readonly Uint8Array[], fields: readonly Uint8Array[]): Promise<HashReplies>;
  /** Closes the connection if nothing has arrived on it since then, so that what waits on it does not pile up. It reconnects by itself. */
  closeIfSilent(since: number): void;
  close(): void;
}

/** Bytes of commands that may wait for a server that does not read them. */
const MOST_UNSENT = 64 << 20;

interface Pending {
  readonly reader: HashReplyReader;
  resolve(replies: HashReplies): void;
  reject(error: Error): void;
}

/** @param client speaks RESP2, and sends no commands of its own once it is ready */
export function hashStream(client: Redis): HashStream {
  let stream: Redis["stream"] | undefined;
  let heard = 0;
  let pending: Pending[] = [];
  const fail = (error: Error): void => {
    const failed = pending;
    pending = [];
    for (const { reject } of failed) reject(error);
  };
  const receive = (chunk: Buffer): void => {
    heard = performance.now();
    for (let rest = chunk; rest.length > 0; ) {
      const [first] = pending;
      if (!first) throw new Error("it sends a response without a request");
      rest = rest.subarray(first.reader.take(rest));
      const { replies } = first.reader;
      if (!replies) return;
      pending.shift();
      first.resolve(replies);
    }
  };
  /** ioredis reads the handshake; from then on its parser would find replies to no command of its own. */
  const takeOver = (): void => {
    const taken = client.stream;
    if (stream === taken) return;
    stream = taken;
    taken.removeAllListeners("data");
    taken.on("data", (chunk: Buffer) => {
      try {
        receive(chunk);
      } catch (error) {
        fail(error as Error);
        taken.destroy(error as Error);
      }
    });
    taken.once("close", () => {
      if (stream !== taken) return;
      stream = undefined;
      fail(new Error("Connection is closed."));
    });
  };
  const isReady = (): boolean => stream?.writable === true && stream.writableLength < MOST_UNSENT;
  client.on("ready", takeOver);
  if (client.status === "ready") takeOver();
  return {
    get ready() {
      return isReady();
    },
    read: (keys, fields) =>
      new Promise((resolve, reject) => {
        if (!isReady()) {
          reject(new Error(stream?.writable ? "it does not read what is sent" : "Connection is closed."));
          return;
        }
        pending.push({ reader: hashReplyReader(keys.length, fields.length), resolve, reject });
        stream!.write(encodeHmgets(keys, fields));
      }),
    closeIfSilent: since => {
      if (heard < since) stream?.destroy(new Error("it did not answer"));
    },
    close: () => client.disconnect(),
  };
}
