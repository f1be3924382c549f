/**
 * The catalogue of kernels: operator → what runs it. An operator without an entry does not compile.
 */
import type { OpKind } from "../../triton-protos/op-params.js";
import type { Step } from "../../triton-protos/plan.js";
import type { Kernel, PrepareStep } from "../plan/kernel.js";
import { addProperties } from "./add-properties.js";
import { addTags } from "./add-tags.js";
import { boost } from "./boost.js";
import { bucketize } from "./bucketize.js";
import { categorify } from "./categorify.js";
import { choose } from "./choose.js";
import { clip } from "./clip.js";
import { columnSimilarity } from "./column-similarity.js";
import { dataStats } from "./data-stats.js";
import { differenceLag } from "./difference-lag.js";
import { diversify } from "./diversify.js";
import { dropLowCardinality } from "./drop-low-cardinality.js";
import { dropna } from "./dropna.js";
import { explode } from "./explode.js";
import { fallback } from "./fallback.js";
import { fillMedian } from "./fill-median.js";
import { fillMissing } from "./fill-missing.js";
import { filter } from "./filter.js";
import { filterCandidates } from "./filter-candidates.js";
import { fused } from "./fused.js";
import { groupby } from "./groupby.js";
import { hashBucket } from "./hash-bucket.js";
import { hashedCross } from "./hashed-cross.js";
import { joinExternal } from "./join-external.js";
import { joinGroupby } from "./join-groupby.js";
import { lambdaOp } from "./lambda-op.js";
import { limitPerGroup } from "./limit-per-group.js";
import { listSlice } from "./list-slice.js";
import { logOp } from "./log-op.js";
import { median } from "./median.js";
import { mixScores } from "./mix-scores.js";
import { normalize } from "./normalize.js";
import { normalizeMinMax } from "./normalize-min-max.js";
import { predictForest } from "./predict-forest.js";
import { predictImplicit } from "./predict-implicit.js";
import { predictOnnx } from "./predict-onnx.js";
import { queryEmbedding } from "./query-embedding.js";
import { queryFaiss } from "./query-faiss.js";
import { queryFeast } from "./query-feast.js";
import { reduceDtypeSize } from "./reduce-dtype-size.js";
import { rename } from "./rename.js";
import { softmaxSampling } from "./softmax-sampling.js";
import { targetEncoding } from "./target-encoding.js";
import { topK } from "./top-k.js";
import { transformWorkflow } from "./transform-workflow.js";
import { unrollFeatures } from "./unroll-features.js";
import { valueCount } from "./value-count.js";

export const KERNELS = {
  fused,
  fillMissing,
  clip,
  logOp,
  normalizeMinMax,
  fillMedian,
  bucketize,
  hashedCross,
  listSlice,
  targetEncoding,
  joinGroupby,
  normalize,
  categorify,
  hashBucket,
  addTags,
  columnSimilarity,
  joinExternal,
  groupby,
  differenceLag,
  dropna,
  dropLowCardinality,
  dataStats,
  median,
  valueCount,
  reduceDtypeSize,
  addProperties,
  lambdaOp,
  filter,
  rename,
  queryFeast,
  transformWorkflow,
  predictOnnx,
  predictForest,
  predictImplicit,
  queryFaiss,
  queryEmbedding,
  explode,
  fallback,
  choose,
  filterCandidates,
  unrollFeatures,
  softmaxSampling,
  topK,
  mixScores,
  boost,
  limitPerGroup,
  diversify,
} as const satisfies { readonly [K in OpKind]: Kernel<K> };

/** Prepares a step with its operator's kernel. */
export const prepareKernel: PrepareStep = (step, context) =>
  (KERNELS[step.op] as Kernel<OpKind>).prepare(step as Step, { ...context, prepareStep: prepareKernel });
