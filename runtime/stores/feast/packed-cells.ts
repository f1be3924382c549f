/**
 * All cells of a table, entity by entity, each entity as one text: `feature:hex,feature:hex`, or `feature:hex:time,…`. A buffer for each cell costs five times
 * what SQLite takes to find it.
 */
import type Database from "better-sqlite3";
import type { FeastFeature, FeastView } from "../../../formats/feast/feast-registry.js";
import { quoteName, quoteText } from "../../../formats/sqlite/quote-sql.js";
import { eventSeconds } from "./event-time.js";

/** Narrows a statement to features, where they are not all of the view. */
export const onlyFeatures = (view: FeastView, features: readonly FeastFeature[], column: string): string =>
  features.length < view.features.length
    ? ` AND ${column} IN (${features.map(f => quoteText(f.name)).join(", ")})`
    : "";

/** SQL looks up a feature's name in a chain of at most this length; more are read in several turns. */
export const MOST_FEATURES = 64;

/** An integer in digits, another number with all its digits, text in hexadecimal after an `x`; nothing for a value that is not a time. */
const TIME = `CASE typeof(event_ts) WHEN 'integer' THEN event_ts WHEN 'real' THEN printf('%!.17g', event_ts) WHEN 'text' THEN 'x' || hex(event_ts) ELSE '' END`;

/**
 * @param row place of the stored key among the distinct ones, in their order
 * @param value valid until this returns; null for a null
 * @param seconds event time, where times are read
 */
type CellSink = (row: number, feature: number, value: Uint8Array | null, seconds: number | undefined) => void;

/**
 * Reads all cells of the features, key by key in the order of the keys.
 * @param times reads event times too
 * @param only of these keys, in their order
 */
export function readCells(
  db: Database.Database,
  view: FeastView,
  features: readonly FeastFeature[],
  times: boolean,
  take: CellSink,
  only?: readonly Uint8Array[],
): void {
  const read = cellReader();
  for (let first = 0; first < features.length; first += MOST_FEATURES) {
    let row = 0;
    for (const text of packedCells(db, view, features, first, times, only)) {
      if (text !== null) read(text, row, take);
      row++;
    }
  }
}

/** One text per stored key that has any of the features, or per key of `only`. It is null if the key has none of those from `first` on. */
function packedCells(
  db: Database.Database,
  view: FeastView,
  features: readonly FeastFeature[],
  first: number,
  times: boolean,
  only: readonly Uint8Array[] | undefined,
): Iterable<string | null> {
  const select = `SELECT ${cellsText(features, first, times)} FROM ${quoteName(view.table)}`;
  const some = onlyFeatures(view, features, "feature_name");
  if (!only)
    return db
      .prepare<[], string | null>(`${select} WHERE true${some} GROUP BY entity_key ORDER BY entity_key`)
      .pluck()
      .iterate();
  const one = db.prepare<[Uint8Array], string | null>(`${select} WHERE entity_key = ?${some}`).pluck();
  return only.map(key => one.get(key) ?? null);
}

/** SQL: the cells of a group of rows as one text, of the features from `first` on. */
export function cellsText(features: readonly FeastFeature[], first: number, times: boolean): string {
  const places = features
    .slice(first, first + MOST_FEATURES)
    .map(({ name }, i) => `WHEN ${quoteText(name)} THEN ${first + i}`)
    .join(" ");
  const time = times ? ` || ':' || ${TIME}` : "";
  return `group_concat(CASE feature_name ${places} END || ':' || ifnull(hex(value), '')${time}, ',')`;
}

const [ZERO, COLON, COMMA, UPPER_A] = [48, 58, 44, 65];

/** @returns reads a text of `cellsText` */
export function cellReader(): (text: string, row: number, take: CellSink) => void {
  let buffer = Buffer.alloc(2 ** 12);
  // Most cells were written at one time.
  let lastTime = "";
  let lastSeconds = Number.NaN;
  return (text, row, take) => {
    if (text.length > buffer.length) buffer = Buffer.alloc(2 * text.length);
    const end = buffer.write(text, "latin1");
    for (let at = 0; at < end; at++) {
      let feature = 0;
      for (; buffer[at] !== COLON; at++) feature = 10 * feature + buffer[at]! - ZERO;
      const start = ++at;
      // Two digits become one byte, in their own place.
      let to = start;
      for (; at < end && buffer[at] !== COMMA && buffer[at] !== COLON; at += 2)
        buffer[to++] = (digit(buffer[at]!) << 4) | digit(buffer[at + 1]!);
      let seconds: number | undefined;
      if (buffer[at] === COLON && at < end) {
        const from = ++at;
        while (at < end && buffer[at] !== COMMA) at++;
        if (lastTime.length !== at - from || !text.startsWith(lastTime, from)) {
          lastTime = text.slice(from, at);
          lastSeconds = timeOf(lastTime);
        }
        seconds = lastSeconds;
      }
      take(row, feature, to === start ? null : buffer.subarray(start, to), seconds);
    }
  };
}

const digit = (code: number): number => (code < UPPER_A ? code - ZERO : code - UPPER_A + 10);

function timeOf(text: string): number {
  if (text === "") return Number.NaN;
  return eventSeconds(text.startsWith("x") ? Buffer.from(text.slice(1), "hex").toString() : Number(text));
}
