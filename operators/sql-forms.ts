/** The SQL forms by operator: every operator that a workflow may hold has one. */
import type { OpKind } from "../contract/op-params.js";
import type { AnyStep } from "../contract/plan.js";
import { RuntimeFault } from "../runtime/base/errors.js";
import { throughKernel } from "../runtime/etl/sql/kernel-function.js";
import type { SqlColumn } from "../runtime/etl/sql/sql-column.js";
import type { SqlContext, SqlForm } from "../runtime/etl/sql/sql-form.js";
import { addProperties } from "./add-properties/sql.js";
import { addTags } from "./add-tags/sql.js";
import { bucketize } from "./bucketize/sql.js";
import { categorify } from "./categorify/sql.js";
import { clip } from "./clip/sql.js";
import { dataStats } from "./data-stats/sql.js";
import { differenceLag } from "./difference-lag/sql.js";
import { dropLowCardinality } from "./drop-low-cardinality/sql.js";
import { dropna } from "./dropna/sql.js";
import { fillMedian } from "./fill-median/sql.js";
import { fillMissing } from "./fill-missing/sql.js";
import { filter } from "./filter/sql.js";
import { groupby } from "./groupby/sql.js";
import { hashBucket } from "./hash-bucket/sql.js";
import { hashedCross } from "./hashed-cross/sql.js";
import { joinExternal } from "./join-external/sql.js";
import { lambdaOp } from "./lambda-op/sql.js";
import { listSlice } from "./list-slice/sql.js";
import { logOp } from "./log-op/sql.js";
import { median } from "./median/sql.js";
import { normalize } from "./normalize/sql.js";
import { normalizeMinMax } from "./normalize-min-max/sql.js";
import { reduceDtypeSize } from "./reduce-dtype-size/sql.js";
import { rename } from "./rename/sql.js";
import { valueCount } from "./value-count/sql.js";

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
