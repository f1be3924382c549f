/**
 * A cassette: recorded requests of clients and responses of a server, a record for each exchange, in the order of the responses. The first
 * line says what it is; a line `model` has the configuration of a model. A cassette may be larger than memory: opening it reads its lines
 * once and keeps where each exchange is.
 */
import { type FileHandle, open } from "node:fs/promises";
import { complete } from "../../../triton-protos/complete-message.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { refuse } from "../../base/errors.js";
import {
  type ExchangeLine,
  FORMAT,
  parseExchangeLine,
  type RecordedServer,
  readExchange,
  VERSION,
} from "./cassette-line.js";
import { type Exchange, isReplayable, type RecordedFault } from "./exchange.js";

/** An exchange that has not been read. */
export interface Entry {
  /** Line in the file, from 1; blocks count as none. */
  readonly line: number;
  readonly model: string;
  /** That the client named, else that answered; empty where neither is known. */
  readonly version: string;
  readonly isReplayable: boolean;
  readonly at: number;
  readonly bytes: number;
  /** The bytes after the line. */
  readonly blocks: number;
}

export interface Cassette {
  readonly file: string;
  readonly server: RecordedServer;
  readonly models: ReadonlyMap<string, ModelConfig>;
  readonly entries: readonly Entry[];
  /** The reason that the end of the file is missing, if the recording was interrupted. */
  readonly broken: string | undefined;
  /** @throws RuntimeFault naming file and line */
  read(entry: Entry): Promise<Exchange>;
  close(): Promise<void>;
}

/** @throws RuntimeFault naming file, line and place */
export async function openCassette(file: string): Promise<Cassette> {
  const handle = await open(file).catch(error => refuse(`cassette ${file} can't be read: ${(error as Error).message}`));
  try {
    const { size, isFile } = await handle.stat().then(found => ({ size: found.size, isFile: found.isFile() }));
    if (!isFile) refuse(`cassette ${file} is not a file`);
    const found = await readIndex(recordReader(handle, file), file, size);
    return { file, ...found, read: entry => readEntry(handle, file, entry), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

type Index = Pick<Cassette, "server" | "models" | "entries" | "broken">;

async function readIndex(reader: RecordReader, file: string, size: number): Promise<Index> {
  const server = await readHead(reader, file);
  const models = new Map<string, ModelConfig>();
  const entries: Entry[] = [];
  const broken = (line: number): Index => ({
    server,
    models,
    entries,
    broken: `${file}:${line}: the file ends in the middle of this record; the ${entries.length} requests before it are read`,
  });
  for (let line = 2; ; line++) {
    const found = await reader.line();
    if (!found) return { server, models, entries, broken: undefined };
    if (found.text === "") continue;
    const json = parseLine(found.text, found.whole, `${file}:${line}`);
    if (!json) return broken(line);
    if (json.kind === "model") models.set(String(json.name), complete("inference.ModelConfig", json.config as object));
    if (json.kind !== "infer") continue;
    const { model, version, answers, error, blocks } = exchangeAt(json, `${file}:${line}`);
    const end = reader.position + blocks;
    if (end > size) return broken(line);
    reader.skip(blocks);
    const place = { line, at: found.at, bytes: end - found.at, blocks };
    const answered = version || (answers[0]?.version ?? "");
    entries.push({
      ...place,
      model,
      version: answered,
      isReplayable: isReplayable({ error: error as RecordedFault | undefined, answers }),
    });
    // The line feed behind the blocks.
    if (blocks > 0 && (await reader.line())?.text) refuse(`${file}:${line}: more than ${blocks} bytes follow the line`);
  }
}

async function readHead(reader: RecordReader, file: string): Promise<RecordedServer> {
  const first = await reader.line();
  if (!first?.text.trim())
    return refuse(`${file} is empty: \`merlon record\` writes a cassette's first line when it starts`);
  const head = parseLine(first.text, true, `${file}:1`)!;
  if (head.format !== FORMAT)
    refuse(`${file} is not a cassette: its first line must say "format": "${FORMAT}". \`merlon record\` makes one`);
  if (head.version !== VERSION && head.version !== 1)
    refuse(
      `${file} is a cassette of version ${JSON.stringify(head.version)}; this Merlon reads versions 1 and ${VERSION}. Record it again`,
    );
  return (head.server ?? { name: "triton", version: "" }) as RecordedServer;
}

/** @returns undefined for a line that the end of the file cuts */
function parseLine(text: string, whole: boolean, where: string): Record<string, unknown> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return whole ? refuse(`${where} is not JSON: ${(error as Error).message}`) : undefined;
  }
  return typeof json === "object" && json !== null
    ? (json as Record<string, unknown>)
    : refuse(`${where} is not a JSON object`);
}

function exchangeAt(json: unknown, where: string): ExchangeLine {
  try {
    return parseExchangeLine(json);
  } catch (error) {
    return refuse(`${where}: ${(error as Error).message}`);
  }
}

async function readEntry(handle: FileHandle, file: string, { at, bytes, blocks, line }: Entry): Promise<Exchange> {
  const where = `${file}:${line}`;
  const record = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await handle.read(record, done, bytes - done, at + done);
    if (bytesRead === 0) refuse(`${where}: the file is shorter than when it was opened`);
    done += bytesRead;
  }
  const json = exchangeAt(JSON.parse(record.toString("utf8", 0, bytes - blocks)), where);
  try {
    return readExchange(json, record.subarray(bytes - blocks), line);
  } catch (error) {
    return refuse(`${where}: a tensor can't be read: ${(error as Error).message}`);
  }
}

const CHUNK = 2 ** 18;
const LINE_FEED = 0x0a;
/** V8's longest text is a little above this. */
const LONGEST_LINE = 2 ** 29 - 2 ** 10;

interface RecordReader {
  /** The next line without its line feed; `whole: false` where the file ends in it. Undefined at the end. */
  line(): Promise<{ readonly at: number; readonly text: string; readonly whole: boolean } | undefined>;
  /** The start of the next line. */
  readonly position: number;
  /** Skips bytes without reading them. */
  skip(bytes: number): void;
}

/**
 * Reads a cassette from front to back, a record at a time: its line, and where the bytes behind it are. Only the line is held.
 * @param where file name, for messages
 */
function recordReader(file: FileHandle, where: string): RecordReader {
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
