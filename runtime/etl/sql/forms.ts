/** The SQL forms by operator: every operator that a workflow may hold has one. */
import type { OpKind } from "../../../triton-protos/op-params.js";
import type { AnyStep } from "../../../triton-protos/plan.js";
import { RuntimeFault } from "../../errors.js";
import { addProperties } from "./add-properties.js";
import { addTags } from "./add-tags.js";
import { bucketize } from "./bucketize.js";
import { categorify } from "./categorify.js";
import { clip } from "./clip.js";
import { dataStats } from "./data-stats.js";
import { differenceLag } from "./difference-lag.js";
import { dropLowCardinality } from "./drop-low-cardinality.js";
import { dropna } from "./dropna.js";
import { fillMedian } from "./fill-median.js";
import { fillMissing } from "./fill-missing.js";
import { filter } from "./filter.js";
import { groupby } from "./groupby.js";
import { hashBucket } from "./hash-bucket.js";
import { hashedCross } from "./hashed-cross.js";
import { joinExternal } from "./join-external.js";
import { throughKernel } from "./kernel-function.js";
import { lambdaOp } from "./lambda-op.js";
import { listSlice } from "./list-slice.js";
import { logOp } from "./log-op.js";
import { median } from "./median.js";
import { normalize } from "./normalize.js";
import { normalizeMinMax } from "./normalize-min-max.js";
import { reduceDtypeSize } from "./reduce-dtype-size.js";
import { rename } from "./rename.js";
import type { SqlColumn } from "./sql-column.js";
import type { SqlContext, SqlForm } from "./sql-form.js";
import { valueCount } from "./value-count.js";

const SQL_FORMS = {
  addProperties,
  addTags,
  categorify,
  clip,
  fillMissing,
  filter,
  hashBucket,
  lambdaOp,
  logOp,
  normalizeMinMax,
  fillMedian,
  bucketize,
  hashedCross,
  listSlice,
  targetEncoding: throughKernel,
  joinGroupby: throughKernel,
  normalize,
  columnSimilarity: throughKernel,
  joinExternal,
  groupby,
  differenceLag,
  dropna,
  dropLowCardinality,
  dataStats,
  median,
  valueCount,
  reduceDtypeSize,
  rename,
} satisfies {
  [K in OpKind]?: SqlForm<K>;
};

/** @throws RuntimeFault for an operator of ensembles, which has no place in a workflow */
export function sqlOf(step: AnyStep, inputs: readonly SqlColumn[], context: SqlContext): readonly string[] {
  if (!Object.hasOwn(SQL_FORMS, step.op))
    throw new RuntimeFault(
      "UNSUPPORTED",
      `step \`${step.id}\` (${step.op}) has no place in a workflow. Use it in an ensemble.`,
    );
  // `op` picks form and step together, which the index loses.
  const form = SQL_FORMS[step.op as keyof typeof SQL_FORMS] as SqlForm<OpKind>;
  return form(step, inputs, context);
}
