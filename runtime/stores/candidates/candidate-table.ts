/**
 * A table of candidates that is read again when its file is replaced. Runs that have begun keep the table that they read. A file that
 * cannot take the place of the one before it is reported once, and not used.
 */
import { comparedAs } from "../../../contract/comparable-ids.js";
import { type CandidateTable, readCandidateTable } from "../../../formats/tables/candidate-table.js";
import type { DType } from "../../../triton-protos/datatype.js";
import { castValues } from "../../base/columns/cast.js";
import { distinctKeys } from "../../base/columns/distinct-keys.js";
import { type Column, rootRows } from "../../base/columns/table.js";
import { indexValues, type ValueIndex } from "../../base/columns/value-index.js";
import { invalid, type RuntimeFault } from "../../base/errors.js";
import { stateOfSync, type WatchedFile, watchFile } from "../../base/watched-file.js";

/** A replaced file is seen after one or two of these. */
export const LOOK_EVERY_MS = 1000;

export interface ServedTable extends CandidateTable {
  /** Places of the values of a column among the keys; −1 for a null and for a key that the table does not have. */
  find(key: Column, name: string): Int32Array;
  /** Equal ids have one number, below `idCount`. */
  readonly idNumbers: Int32Array;
  readonly idCount: number;
}

/** Properties that a plan needs of the table. */
export interface Needs {
  /** The table, as the author wrote it. */
  readonly path: string;
  readonly ids: DType;
  readonly keys?: DType;
  readonly needsScores: boolean;
  /** The table has one list. */
  readonly isOneList?: boolean;
}

/** @throws RuntimeFault naming the file and what is wrong with it */
export function openCandidateTable(file: string, needs: Needs, everyMs = LOOK_EVERY_MS): WatchedFile<ServedTable> {
  const state = stateOfSync(file);
  const read = (): ServedTable => {
    const table = checkedRead(file, () => readCandidateTable(file));
    return served(table, file, needs);
  };
  return watchFile({ file, first: read(), state, everyMs, read: async () => read() });
}

function checkedRead(file: string, read: () => CandidateTable): CandidateTable {
  try {
    return read();
  } catch (error) {
    throw invalid(
      `the table of candidates ${file} cannot be read: ${(error as Error).message}. Make it again with \`merlon candidates\`.`,
      { cause: error },
    );
  }
}

/** @throws RuntimeFault for a table of other types than the plan's */
function served(
  table: CandidateTable,
  file: string,
  { path, ids, keys, needsScores, isOneList = false }: Needs,
): ServedTable {
  const other = (problem: string): RuntimeFault =>
    invalid(
      `the table of candidates ${file} ${problem}. Make \`${path}\` again as it was, or build the ensemble again.`,
    );
  if (table.ids.dtype !== ids) throw other(`has ${table.ids.dtype} ids, and the plan says ${ids}`);
  if (keys && !comparedAs(keys, table.keys.dtype))
    throw other(`has ${table.keys.dtype} keys, and the plan looks ${keys} up`);
  if (needsScores && !table.scores) throw other("has no scores, which the plan reads");
  if (isOneList && table.keys.values.length > 1)
    throw other(`has ${table.keys.values.length} lists, and the plan reads one`);
  const numbers = distinctKeys([{ ...table.ids, rows: rootRows(table.ids.values.length) }]);
  const indexes = new Map<DType, ValueIndex>();
  const indexIn = (dtype: DType): ValueIndex => {
    const known = indexes.get(dtype);
    if (known) return known;
    const made = indexValues(castValues(table.keys.values, table.keys.dtype, dtype, `keys of ${file}`));
    indexes.set(dtype, made);
    return made;
  };
  return {
    ...table,
    idNumbers: numbers.places,
    idCount: numbers.count,
    find(key, name) {
      const dtype = comparedAs(key.dtype, table.keys.dtype);
      if (!dtype)
        throw invalid(`column \`${name}\` is ${key.dtype}, and the keys of \`${path}\` are ${table.keys.dtype}.`);
      const places = indexIn(dtype)(castValues(key.values, key.dtype, dtype, `column \`${name}\``));
      if (key.validity) for (let i = 0; i < places.length; i++) if (key.validity[i] === 0) places[i] = -1;
      return places;
    },
  };
}
