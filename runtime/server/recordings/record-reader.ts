/** Reads a cassette from front to back, a record at a time: its line, and where the bytes behind it are. Only the line is held. */
import type { FileHandle } from "node:fs/promises";

const CHUNK = 2 ** 18;
const LINE_FEED = 0x0a;
/** V8's longest text is a little above this. */
const LONGEST_LINE = 2 ** 29 - 2 ** 10;

export interface RecordReader {
  /** The next line without its line feed; `whole: false` where the file ends in it. Undefined at the end. */
  line(): Promise<{ readonly at: number; readonly text: string; readonly whole: boolean } | undefined>;
  /** The start of the next line. */
  readonly position: number;
  /** Skips bytes without reading them. */
  skip(bytes: number): void;
}

/** @param where file name, for messages */
export function recordReader(file: FileHandle, where: string): RecordReader {
  let position = 0;
  let held: Buffer = Buffer.alloc(0);
  /** Reads after the end of the buffer. @returns whether there was more */
  const more = async (): Promise<boolean> => {
    const chunk = Buffer.allocUnsafe(Math.max(CHUNK, held.length));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position + held.length);
    held = Buffer.concat([held, chunk.subarray(0, bytesRead)]);
    return bytesRead > 0;
  };
  const take = (length: number, whole: boolean) => {
    const found = { at: position, text: held.toString("utf8", 0, length), whole };
    const used = length + (whole ? 1 : 0);
    held = held.subarray(used);
    position += used;
    return found;
  };
  return {
    get position() {
      return position;
    },
    async line() {
      for (let searched = 0; ; ) {
        const end = held.indexOf(LINE_FEED, searched);
        if (end >= 0) return take(end, true);
        searched = held.length;
        if (searched > LONGEST_LINE)
          throw new Error(`${where}: the line at byte ${position} is longer than ${LONGEST_LINE} bytes`);
        if (!(await more())) return held.length === 0 ? undefined : take(held.length, false);
      }
    },
    skip(bytes) {
      held = held.subarray(Math.min(bytes, held.length));
      position += bytes;
    },
  };
}
