/**
 * Columns of any dtype, or tuples of them → integer ids: 1 for null, 2 … 1 + numBuckets for unknown values, then the vocabulary by falling
 * count. 0 is padding and never returned.
 */
import { encodings } from "../../contract/categorify-columns.js";
import { learntOf, notLearnt } from "../../contract/learnt-columns.js";
import { type Column, widened } from "../../runtime/base/columns/table.js";
import { indexTuples } from "../../runtime/base/columns/tuple-index.js";
import { internal } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { hashTogether } from "../hashed-cross/kernel.js";
import { artefactFile } from "../shared/kernel/artefact-file.js";
import { readFittedTable } from "../shared/kernel/fitted-table.js";
import { bucketOf } from "../shared/kernel/pandas-hash.js";
import { rowNumbers } from "../shared/kernel/row-numbers.js";
import { withValues } from "../shared/kernel/with-values.js";
import { openVocabulary } from "./kernel-vocabulary.js";

const NULL_ID = 1;
const FIRST_BUCKET = 2;

/** How one output is made: which inputs it reads, and which place of the vocabulary their values have. */
interface Lookup {
  readonly at: readonly number[];
  readonly places: (columns: readonly Column[]) => Int32Array;
  readonly numBuckets: number;
  /** The offset of each id. */
  readonly offset: number;
}

export const categorify: Kernel<"categorify"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (categorify)`;
    const names = step.inputs.input.map(ref => ref.name);
    const made = new Map(encodings(step.params, names).map(one => [one.output, one]));
    const lookups = step.outputs.map(({ name }): Lookup => {
      const found = learntOf(step, name);
      const encoding = made.get(name);
      if (!encoding) throw notLearnt(step.id, step.op, name);
      const { columns, numBuckets } = encoding;
      const file = artefactFile(folder, found.vocabulary);
      const { count, places } =
        columns.length > 1 ? openTuples(file, columns, what) : openValues(file, columns[0]!, what);
      const cardinality = FIRST_BUCKET + numBuckets + count;
      if (cardinality !== found.cardinality)
        throw internal(
          `${what}: vocabulary \`${found.vocabulary}\` makes ${cardinality} ids, but the plan says ${found.cardinality}. They are of different fits: run \`merlon fit\` again.`,
        );
      return { at: columns.map(column => names.indexOf(column)), places, numBuckets, offset: found.offset ?? 0 };
    });
    const { outDtype, nvtabularHash } = step.params;
    return {
      run: inputs =>
        lookups.map(lookup => {
          const columns = lookup.at.map(i => inputs.input[i]!);
          const ids = idsOf(columns, lookup, nvtabularHash ? rowNumbers(inputs) : undefined);
          return withValues(columns[0]!, outDtype, outDtype === "int32" ? ids : widened(ids));
        }),
    };
  },
};

function openValues(file: string, name: string, what: string): { count: number; places: Lookup["places"] } {
  const { dtype, count, index } = openVocabulary(file);
  const places: Lookup["places"] = ([col]) => {
    if (col!.dtype === dtype) return index(col!.values);
    throw internal(
      `${what} was fitted on \`${name}\` as ${dtype}, but the column is ${col!.dtype}. Build the plan again with \`merlon build\`.`,
    );
  };
  return { count, places };
}

function openTuples(
  file: string,
  columns: readonly string[],
  what: string,
): { count: number; places: Lookup["places"] } {
  const table = readFittedTable(file);
  const keys = columns.map((_, i) => table[`key ${i}`]!);
  return { count: keys[0]!.rows.count, places: indexTuples(keys, columns, what) };
}

function idsOf(
  columns: readonly Column[],
  { places, numBuckets, offset }: Lookup,
  numbers: Float64Array | undefined,
): Int32Array {
  const ids = places(columns);
  const first = FIRST_BUCKET + numBuckets + offset;
  const hashes = numBuckets > 1 && ids.includes(-1) ? hashTogether(columns, numbers) : undefined;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i]! >= 0) ids[i] = ids[i]! + first;
    else ids[i] = FIRST_BUCKET + offset + (hashes ? bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets) : 0);
  }
  const missing = columns.map(nullFlags);
  if (missing.every(nulls => nulls !== undefined))
    for (let i = 0; i < ids.length; i++) if (missing.every(nulls => nulls[i] === 1)) ids[i] = NULL_ID + offset;
  return ids;
}

/** 1 for each null; undefined where there is none. */
function nullFlags({ values, validity }: Column): Uint8Array | undefined {
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  if (!validity && !isFloat) return undefined;
  const flags = new Uint8Array(values.length);
  if (validity) for (let i = 0; i < flags.length; i++) flags[i] = validity[i] === 0 ? 1 : 0;
  if (isFloat) for (let i = 0; i < flags.length; i++) if (Number.isNaN(values[i])) flags[i] = 1;
  return flags;
}
