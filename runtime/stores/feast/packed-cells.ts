/**
 * All cells of a table, entity by entity, each entity as one text: `feature:hex,feature:hex`. A buffer for each cell costs five times what SQLite takes to
 * find it.
 */
import type Database from "better-sqlite3";
import type { FeastFeature, FeastView } from "../../../triton-protos/artefacts/feast-registry.js";
import { onlyFeatures, quoteName, quoteText } from "./sqlite-store.js";

/** SQL looks a feature's name up in a chain of so many at most. */
export const MOST_FEATURES = 64;

/** One text per stored key, in the order of the keys; null for an entity without any of the features. */
export function packedCells(
  db: Database.Database,
  view: FeastView,
  features: readonly FeastFeature[],
): IterableIterator<string | null> {
  const places = features.map(({ name }, i) => `WHEN ${quoteText(name)} THEN ${i}`).join(" ");
  return db
    .prepare<[], string | null>(
      `SELECT group_concat(CASE feature_name ${places} END || ':' || ifnull(hex(value), ''), ',')
       FROM ${quoteName(view.table)} WHERE true${onlyFeatures(view, features, "feature_name")} GROUP BY entity_key ORDER BY entity_key`,
    )
    .pluck()
    .iterate();
}

const [ZERO, COLON, COMMA, UPPER_A] = [48, 58, 44, 65];

/** @returns reads a text; the bytes that `take` is given are valid until it returns, and none stand for a null */
export function cellReader(): (text: string, take: (feature: number, value: Uint8Array | null) => void) => void {
  let buffer = Buffer.alloc(2 ** 12);
  return (text, take) => {
    if (text.length > buffer.length) buffer = Buffer.alloc(2 * text.length);
    const end = buffer.write(text, "latin1");
    for (let at = 0; at < end; at++) {
      let feature = 0;
      for (; buffer[at] !== COLON; at++) feature = 10 * feature + buffer[at]! - ZERO;
      const start = ++at;
      // Two digits become one byte, in their own place.
      let to = start;
      for (; at < end && buffer[at] !== COMMA; at += 2)
        buffer[to++] = (digit(buffer[at]!) << 4) | digit(buffer[at + 1]!);
      take(feature, to === start ? null : buffer.subarray(start, to));
    }
  };
}

const digit = (code: number): number => (code < UPPER_A ? code - ZERO : code - UPPER_A + 10);
