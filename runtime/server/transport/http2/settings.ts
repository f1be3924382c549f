/**
 * SETTINGS (RFC 9113 §6.5): those of the client, checked, and the server's.
 */
import { ConnectionFault } from "./errors.js";
import { FRAME, frame, MAX_PAYLOAD } from "./frames.js";
import type { Http2Limits } from "./limits.js";

const ID = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;
/** The size of one setting: its id and its value. */
const ENTRY = 6;

export const GREATEST_WINDOW = 2 ** 31 - 1;
export const FIRST_WINDOW = 2 ** 16 - 1;

/** The client's settings that matter to a server. */
export interface PeerSettings {
  initialWindow: number;
  maxPayload: number;
  tableSize: number;
}

export const FIRST_SETTINGS: Readonly<PeerSettings> = {
  initialWindow: FIRST_WINDOW,
  maxPayload: MAX_PAYLOAD,
  tableSize: 4096,
};

/** Changes `settings` as the payload from `start` to `end` says. @throws ConnectionFault */
export function readSettings(settings: PeerSettings, bytes: Buffer, start: number, end: number): void {
  if ((end - start) % ENTRY !== 0) throw new ConnectionFault("FRAME_SIZE_ERROR", "SETTINGS of half an entry");
  for (let at = start; at < end; at += ENTRY) {
    const id = bytes.readUInt16BE(at);
    const value = bytes.readUInt32BE(at + 2);
    if (id === ID.INITIAL_WINDOW_SIZE) {
      if (value > GREATEST_WINDOW) throw new ConnectionFault("FLOW_CONTROL_ERROR", `a window of ${value} bytes`);
      settings.initialWindow = value;
    } else if (id === ID.MAX_FRAME_SIZE) {
      if (value < MAX_PAYLOAD || value > 2 ** 24 - 1)
        throw new ConnectionFault("PROTOCOL_ERROR", `a greatest frame of ${value} bytes`);
      settings.maxPayload = value;
    } else if (id === ID.HEADER_TABLE_SIZE) settings.tableSize = value;
    else if (id === ID.ENABLE_PUSH && value > 1) throw new ConnectionFault("PROTOCOL_ERROR", `ENABLE_PUSH of ${value}`);
  }
}

/** Numbers of entries in a SETTINGS frame's payload. */
export const settingsIn = (start: number, end: number): number => Math.floor((end - start) / ENTRY);

/** The announced bounds. */
export function settingsFrame({ maxStreams, streamWindow, maxHeaderListSize }: Http2Limits): Buffer {
  const entries: readonly (readonly [number, number])[] = [
    [ID.MAX_CONCURRENT_STREAMS, maxStreams],
    [ID.INITIAL_WINDOW_SIZE, streamWindow],
    [ID.MAX_HEADER_LIST_SIZE, maxHeaderListSize],
  ];
  const payload = Buffer.allocUnsafe(entries.length * ENTRY);
  for (const [i, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, i * ENTRY);
    payload.writeUInt32BE(value, i * ENTRY + 2);
  }
  return frame(FRAME.SETTINGS, 0, 0, payload);
}
