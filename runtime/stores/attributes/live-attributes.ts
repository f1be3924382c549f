/**
 * The attribute table of an index: its columns by position. The file may be replaced or rewritten while it is in use. It is checked four times
 * a second, and read again when it has changed. A table that cannot be read is reported once, and the one before stays.
 */

import { setImmediate as turn } from "node:timers/promises";
import type { DType } from "../../../triton-protos/datatype.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import { stateOf, type WatchedFile, warnByProcess, watchFile } from "../../base/watched-file.js";
import { type Attribute, byPosition, type Piece, TURN } from "./attribute-column.js";
import type { AttributeTable } from "./attribute-table.js";
import { type KeptRow, withKept } from "./fresh-attributes.js";
import { readTable } from "./read-table.js";

/** How often the file is looked at. */
const LOOK_EVERY_MS = 250;
/** Steps of reading run this long before other work gets a turn. */
const STRETCH_MS = 4;

export type { AttributeTable } from "./attribute-table.js";

/** A run of a plan keeps the table that it began with. */
export type LiveAttributes = WatchedFile<AttributeTable>;

export interface AttributesOrder {
  readonly file: string;
  readonly key: { readonly name: string; readonly dtype: DType };
  readonly columns: Readonly<Record<string, DType>>;
  readonly ids: IndexIds;
  /** Rows of ids that the table may lack, by id. */
  readonly kept?: ReadonlyMap<bigint | string, KeptRow> | undefined;
  /** The index with these ids, for messages. */
  readonly index: string;
  /** Receives what is odd, and what is wrong with a later state. @default a warning of the process */
  readonly warn?: (text: string) => void;
}

/** @throws RuntimeFault naming the file */
export async function openAttributes(order: AttributesOrder): Promise<LiveAttributes> {
  const { file, warn = warnByProcess } = order;
  const state = await stateOf(file);
  const first = await readState(order, warn);
  const read = (): Promise<AttributeTable> => readState(order, warn);
  return watchFile({ file, first, state, read, warn, everyMs: LOOK_EVERY_MS });
}

/** @throws RuntimeFault naming the file; one that changed while it was read is among them */
async function readState(order: AttributesOrder, warn: (text: string) => void): Promise<AttributeTable> {
  const { file, key, columns } = order;
  try {
    const state = await stateOf(file);
    const wanted = new Map([...Object.entries(columns), [key.name, key.dtype] as const]);
    const read = await readTable(file, wanted);
    const pieces = order.kept?.size ? withKept(read, wanted, key.name, order.kept) : read;
    const table = await inTurns(tableOf(order, pieces));
    if ((await stateOf(file)) !== state) throw new Error("it changed while it was read");
    const { lacking, positions, first } = table;
    if (lacking > 0)
      warn(
        `${file} has no row for ${lacking} of the ${positions} items of ${order.index}, ${first} among them: they are not found.`,
      );
    return table;
  } catch (error) {
    if (error instanceof RuntimeFault) throw error;
    const { message } = error as Error;
    throw invalid(`the attribute table ${file} cannot be read: ${message.replace(/\.$/, "")}.`, {
      cause: error,
    });
  }
}

function* tableOf(
  { key, columns, ids, index }: AttributesOrder,
  pieces: ReadonlyMap<string, Piece>,
): Generator<void, AttributeTable & { readonly first: string }> {
  const { rowAt, lacking, firstLacking } = yield* rowsByPosition(ids, key.name, pieces.get(key.name)!);
  if (ids.count > 0 && lacking === ids.count)
    throw new Error(`column \`${key.name}\` has none of the ids of ${index}, such as ${ids.at(0)}`);
  const found = new Map<string, Attribute>();
  for (const [name, dtype] of Object.entries(columns))
    found.set(name, yield* byPosition(dtype, pieces.get(name)!, rowAt));
  const known = new Uint8Array(new ArrayBuffer(Math.ceil(ids.count / 32) * 4), 0, Math.ceil(ids.count / 8));
  for (let i = 0; i < rowAt.length; i++) if (rowAt[i]! >= 0) known[i >> 3]! |= 1 << (i & 7);
  return {
    positions: ids.count,
    known,
    lacking,
    columns: found,
    first: firstLacking < 0 ? "" : String(ids.at(firstLacking)),
  };
}

async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  let began = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - began < STRETCH_MS) continue;
    await turn();
    began = performance.now();
  }
}

/** The ids that an index answers with: those it holds, its id map's texts, or positions. */
interface IndexIds {
  readonly count: number;
  /** @param position 0 … count − 1 */
  at(position: number): bigint | string;
}

type Key = number | bigint | string;

/** Ids that doubles hold exactly as such: they are found faster. */
const keyOf = (id: number | bigint | string): Key =>
  typeof id === "bigint" && id >= -9007199254740991n && id <= 9007199254740991n ? Number(id) : id;

interface RowsByPosition {
  /** The row of each position, or −1. */
  readonly rowAt: Int32Array;
  /** Positions without a row, and the first of them. */
  readonly lacking: number;
  readonly firstLacking: number;
}

/**
 * Ids of an index → the row of each position in a table.
 * Rows whose ids the index lacks are left out.
 * @yields after each turn
 * @throws Error for an id that is null, or has two rows
 */
function* rowsByPosition(ids: IndexIds, key: string, { values, validity }: Piece): Generator<void, RowsByPosition> {
  const rows = new Map<Key, number>();
  for (let row = 0; row < values.length; row++) {
    if (validity?.[row] === 0) throw new Error(`row ${row} has no \`${key}\`: each row needs the id of its item`);
    const id = keyOf(values[row]!);
    const other = rows.get(id);
    if (other !== undefined)
      throw new Error(
        `\`${key}\` ${typeof id === "string" ? JSON.stringify(id) : id} has two rows, ${other} and ${row}; each item has one`,
      );
    rows.set(id, row);
    if (row % TURN === TURN - 1) yield;
  }
  const rowAt = new Int32Array(ids.count);
  let [lacking, firstLacking] = [0, -1];
  for (let position = 0; position < ids.count; position++) {
    const row = rows.get(keyOf(ids.at(position))) ?? -1;
    rowAt[position] = row;
    if (row < 0 && lacking++ === 0) firstLacking = position;
    if (position % TURN === TURN - 1) yield;
  }
  return { rowAt, lacking, firstLacking };
}
