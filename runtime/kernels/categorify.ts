/**
 * Columns of any dtype -> integer ids: 1 for null, 2 … 1 + numBuckets for values outside the vocabulary, then the vocabulary by
 * falling count. 0 is padding and never made here.
 */
import { join } from "node:path";
import type { DType } from "../../triton-protos/datatype.js";
import { RuntimeFault } from "../errors.js";
import type { Kernel } from "../plan/kernel.js";
import { type Column, type Values, words } from "../plan/table.js";
import { like } from "./like.js";
import { bucketOf, hashValues } from "./pandas-hash.js";
import { indexValues, type ValueIndex } from "./value-index.js";
import { readVocabulary } from "./vocabulary-file.js";

const NULL_ID = 1;
const FIRST_BUCKET = 2;

interface Lookup {
  readonly name: string;
  readonly dtype: DType;
  readonly places: ValueIndex;
}

export const categorify: Kernel<"categorify"> = {
  prepare(step, { folder }) {
    const what = `step \`${step.id}\` (categorify)`;
    const lookups = (step.inputs.input ?? []).map(({ name }): Lookup => {
      const found = step.state?.columns[name];
      if (!found)
        throw new RuntimeFault(
          "INTERNAL",
          `${what} has no vocabulary of column \`${name}\`. Run \`merlon fit\` again.`,
        );
      const { dtype, values } = readVocabulary(join(folder, found.vocabulary));
      const cardinality = FIRST_BUCKET + step.params.numBuckets + values.length;
      if (cardinality !== found.cardinality)
        throw new RuntimeFault(
          "INTERNAL",
          `${what}: vocabulary \`${found.vocabulary}\` makes ${cardinality} ids, but the plan says ${found.cardinality}. They are of different fits: run \`merlon fit\` again.`,
        );
      return { name, dtype, places: indexValues(values) };
    });
    const { numBuckets, outDtype } = step.params;
    return {
      run: inputs =>
        (inputs.input ?? []).map((col, c) => {
          const ids = idsOf(col, lookups[c]!, numBuckets, what);
          return like(col, outDtype, outDtype === "int32" ? ids : widen(ids));
        }),
    };
  },
};

function idsOf(col: Column, { name, dtype, places }: Lookup, numBuckets: number, what: string): Int32Array {
  if (col.dtype !== dtype)
    throw new RuntimeFault(
      "INTERNAL",
      `${what} was fitted on \`${name}\` as ${dtype}, but the column is ${col.dtype}. Build the plan again with \`merlon build\`.`,
    );
  const ids = places(col.values);
  const first = FIRST_BUCKET + numBuckets;
  const hashes = numBuckets > 1 && ids.includes(-1) ? hashValues(col) : undefined;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i]! >= 0) ids[i] = ids[i]! + first;
    else ids[i] = hashes ? FIRST_BUCKET + bucketOf(hashes[2 * i]!, hashes[2 * i + 1]!, numBuckets) : FIRST_BUCKET;
  }
  const { validity, values } = col;
  if (validity) for (let i = 0; i < ids.length; i++) if (validity[i] === 0) ids[i] = NULL_ID;
  if (values instanceof Float32Array || values instanceof Float64Array)
    for (let i = 0; i < ids.length; i++) if (Number.isNaN(values[i])) ids[i] = NULL_ID;
  return ids;
}

/** int32 ids as int64: they are never negative, so every high word stays 0. */
function widen(ids: Int32Array): Values {
  const wide = new BigInt64Array(ids.length);
  const pairs = words(wide);
  for (let i = 0; i < ids.length; i++) pairs[2 * i] = ids[i]!;
  return wide;
}
