/**
 * One end of the link between the server and a model's thread: messages out, messages in, in order. Small ones of the common kinds lie in the ring;
 * of the others the ring holds the place, and the port `bulk` the message.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { type Cursor, type Names, readRecord, sizeOf, writeRecord } from "./packing.js";
import { RING_KINDS, type RingMessage } from "./protocol.js";
import { ringReader, ringWriter, SLEEP } from "./ring.js";
import { detached, movable } from "./tensors.js";

export interface Link<Out, In> {
  post(message: Out): void;
  /** The next message, or undefined when there is none now. */
  take(): In | undefined;
  /** Asks for the bell. @returns false when a message has come meanwhile */
  sleep(): boolean;
  /** Blocks until a message comes, for so many milliseconds at most. @returns whether one has */
  park(ms: number): boolean;
  awake(): void;
}

/** Bytes of a ring. Rooms for as many messages as may wait at once. */
export const RING_BYTES = 2 ** 20;
/** Longer messages cost less when their buffers are moved. */
const WORTH_MOVING = 2 ** 14;
const kindNumber = Object.fromEntries(RING_KINDS.map((kind, i) => [kind, i])) as Record<
  (typeof RING_KINDS)[number],
  number
>;

export interface LinkParts {
  readonly out: SharedArrayBuffer;
  readonly in: SharedArrayBuffer;
  readonly bulk: MessagePort;
  /** Names of the tensors that usually come in, and go out. */
  readonly names: { readonly out: Names; readonly in: Names };
  /** Wakes the other side. @param notify how, when it is parked; else its event loop is to hear of it */
  ring(notify?: () => void): void;
  /** What to do while the other side is too far behind: block, or put it off (and call `resume`). */
  waitForRoom?(resume: () => void): void;
}

const isRing = (message: { readonly kind: string }): message is RingMessage => message.kind in kindNumber;

export function createLink<Out extends { readonly kind: string }, In>(parts: LinkParts): Link<Out | RingMessage, In> {
  const writer = ringWriter(parts.out);
  const reader = ringReader(parts.in);
  const to: Cursor = { words: writer.words, doubles: writer.doubles, bytes: writer.bytes, at: 0 };
  const from: Cursor = { words: reader.words, doubles: reader.doubles, bytes: reader.bytes, at: 0 };
  /** What the ring has had no room for. */
  const backlog: (Out | RingMessage)[] = [];

  const reserve = (bytes: number): boolean => {
    to.at = writer.reserve(bytes);
    while (to.at === -1 && !parts.waitForRoom) {
      writer.waitForRoom();
      to.at = writer.reserve(bytes);
    }
    return to.at !== -1;
  };
  /** @returns false when there is no room */
  const write = (message: Out | RingMessage): boolean => {
    let bytes = 0;
    if (isRing(message)) {
      bytes = 16;
      for (const record of message.records) bytes += sizeOf(record);
    }
    if (isRing(message) && bytes <= WORTH_MOVING) {
      if (!reserve(bytes)) return false;
      const word = to.at >> 2;
      to.words[word] = message.execution;
      to.words[word + 1] = message.slot;
      to.words[word + 2] = message.records.length;
      to.at += 16;
      for (const record of message.records) writeRecord(to, record, parts.names.out);
    } else {
      if (!reserve(0)) return false;
      if (isRing(message)) {
        const records = message.records.map(record => ({ ...record, tensors: record.tensors.map(detached) }));
        parts.bulk.postMessage(
          { ...message, records },
          records.flatMap(({ tensors }) => movable(tensors)),
        );
      } else parts.bulk.postMessage(message);
    }
    const inRing = isRing(message) && bytes <= WORTH_MOVING;
    const sleep = writer.commit(inRing ? kindNumber[message.kind] : kindNumber.bulk);
    if (sleep !== SLEEP.NOT) parts.ring(sleep === SLEEP.PARKED ? writer.notify : undefined);
    return true;
  };
  const resume = (): void => {
    while (backlog.length > 0 && write(backlog[0]!)) backlog.shift();
    if (backlog.length > 0) parts.waitForRoom?.(resume);
  };
  return {
    post(message) {
      if (backlog.length === 0 && write(message)) return;
      backlog.push(message);
      if (backlog.length === 1) parts.waitForRoom?.(resume);
    },
    take() {
      from.at = reader.next();
      if (from.at === -1) return;
      const kind = RING_KINDS[reader.kind()]!;
      if (kind === "bulk") {
        reader.release();
        return receiveMessageOnPort(parts.bulk)!.message as In;
      }
      const word = from.at >> 2;
      const execution = from.words[word]!;
      const slot = from.words[word + 1]!;
      const count = from.words[word + 2]!;
      from.at += 16;
      const records = [];
      for (let i = 0; i < count; i++) records.push(readRecord(from, parts.names.in));
      reader.release();
      return { kind, execution, slot, records } as In;
    },
    sleep: reader.sleep,
    park: reader.park,
    awake: reader.awake,
  };
}
