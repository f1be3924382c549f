/**
 * One end of the link between the server and a model's thread: messages out, messages in, in order. Small ones of the common kinds lie in the ring;
 * of the others the ring holds the place, and the port `bulk` the message.
 */
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { LARGE } from "../../../base/memory/buffer-pool.js";
import type { Tensor } from "../../../base/tensor.js";
import { type Cursor, type Names, readRecord, sizeOf, writeRecord } from "./packing.js";
import { type Returned, RING_KINDS, type RingMessage, type WireRecord } from "./protocol.js";
import { ringReader, ringWriter, SLEEP } from "./ring.js";
import { detached } from "./tensors.js";

export interface Link<Out, In> {
  post(message: Out): void;
  /** The next message, or undefined when there is none now. */
  take(): In | undefined;
  /** Requests a wake-up. @returns false if a message has arrived meanwhile */
  sleep(): boolean;
  /** Blocks until a message arrives, at most this number of milliseconds. @returns whether one has */
  park(ms: number): boolean;
}

/** Bytes of a ring. Rooms for as many messages as may wait at once. */
export const RING_BYTES = 2 ** 20;
/** Longer messages would fill the ring. */
const MAX_IN_RING = 2 ** 14;
const kindNumber = Object.fromEntries(RING_KINDS.map((kind, i) => [kind, i])) as Record<
  (typeof RING_KINDS)[number],
  number
>;

export interface LinkParts {
  readonly out: SharedArrayBuffer;
  readonly in: SharedArrayBuffer;
  readonly bulk: MessagePort;
  /** Names of the usual input and output tensors. */
  readonly names: { readonly out: Names; readonly in: Names };
  /** Wakes the other side. @param isLarge for a large message @param notify how, when it is parked; else by its event loop */
  ring(isLarge: boolean, notify?: () => void): void;
  /** Called while the other side is too far behind: block, or postpone (and call `resume`). */
  waitForRoom?(resume: () => void): void;
}

const isRing = (message: { readonly kind: string }): message is RingMessage => message.kind in kindNumber;

/** Bytes of a message in a ring; undefined for one that does not go there. */
function sizeInRing(message: { readonly kind: string }): number | undefined {
  if (!isRing(message) || message.returned) return undefined;
  let bytes = 16;
  for (const record of message.records) {
    if (record.buffers) return undefined;
    bytes += sizeOf(record);
  }
  return bytes <= MAX_IN_RING ? bytes : undefined;
}

/** A record may be cloned if its tensors are parts only of themselves and of the transferred memory of their own request. */
function withOwnBytes(record: WireRecord, returned: readonly Returned[] = []): WireRecord {
  const back = returned.find(({ request }) => request === record.number)?.buffers ?? [];
  const moved = new Set<ArrayBufferLike>([...(record.buffers ?? []), ...back]);
  const stays = ({ data }: Tensor): boolean => data.byteLength < LARGE || !moved.has(data.buffer);
  return { ...record, tensors: record.tensors.map(tensor => (stays(tensor) ? detached(tensor) : tensor)) };
}

/** All buffers that a message moves, each once. */
function movedBy(records: readonly WireRecord[], returned: readonly Returned[] = []): ArrayBuffer[] {
  return [...new Set([...records, ...returned].flatMap(({ buffers }) => buffers ?? []))];
}

export function createLink<Out extends { readonly kind: string }, In>(parts: LinkParts): Link<Out | RingMessage, In> {
  const writer = ringWriter(parts.out);
  const reader = ringReader(parts.in);
  const to: Cursor = { words: writer.words, doubles: writer.doubles, bytes: writer.bytes, at: 0 };
  const from: Cursor = { words: reader.words, doubles: reader.doubles, bytes: reader.bytes, at: 0 };
  /** Messages that did not fit into the ring. */
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
    const bytes = sizeInRing(message);
    if (isRing(message) && bytes !== undefined) {
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
        const { records, returned } = message;
        parts.bulk.postMessage(
          { ...message, records: records.map(one => withOwnBytes(one, returned)) },
          movedBy(records, returned),
        );
      } else parts.bulk.postMessage(message, movedBy([], (message as { returned?: readonly Returned[] }).returned));
    }
    const isLarge = bytes === undefined;
    const sleep = writer.commit(!isLarge && isRing(message) ? kindNumber[message.kind] : kindNumber.bulk);
    if (sleep !== SLEEP.NOT) parts.ring(isLarge, sleep === SLEEP.PARKED ? writer.notify : undefined);
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
  };
}
