/** Operator → its spec. Made by scripts/gen-operators.mjs (`npm run gen`). */
import { addProperties } from "../add-properties/spec.js";
import { addTags } from "../add-tags/spec.js";
import { boost } from "../boost/spec.js";
import { bucketize } from "../bucketize/spec.js";
import { categorify } from "../categorify/spec.js";
import { choose } from "../choose/spec.js";
import { clip } from "../clip/spec.js";
import { columnSimilarity } from "../column-similarity/spec.js";
import { constantCandidates } from "../constant-candidates/spec.js";
import { dataStats } from "../data-stats/spec.js";
import { differenceLag } from "../difference-lag/spec.js";
import { diversify } from "../diversify/spec.js";
import { dropLowCardinality } from "../drop-low-cardinality/spec.js";
import { dropna } from "../dropna/spec.js";
import { epsilonGreedy } from "../epsilon-greedy/spec.js";
import { explode } from "../explode/spec.js";
import { fallback } from "../fallback/spec.js";
import { fillMedian } from "../fill-median/spec.js";
import { fillMissing } from "../fill-missing/spec.js";
import { filter } from "../filter/spec.js";
import { filterCandidates } from "../filter-candidates/spec.js";
import { fused } from "../fused/spec.js";
import { groupby } from "../groupby/spec.js";
import { hashBucket } from "../hash-bucket/spec.js";
import { hashedCross } from "../hashed-cross/spec.js";
import { joinExternal } from "../join-external/spec.js";
import { joinGroupby } from "../join-groupby/spec.js";
import { lambdaOp } from "../lambda-op/spec.js";
import { limitPerGroup } from "../limit-per-group/spec.js";
import { listSlice } from "../list-slice/spec.js";
import { logOp } from "../log-op/spec.js";
import { lookupCandidates } from "../lookup-candidates/spec.js";
import { median } from "../median/spec.js";
import { mergeCandidates } from "../merge-candidates/spec.js";
import { mixScores } from "../mix-scores/spec.js";
import { normalize } from "../normalize/spec.js";
import { normalizeMinMax } from "../normalize-min-max/spec.js";
import { predictForest } from "../predict-forest/spec.js";
import { predictImplicit } from "../predict-implicit/spec.js";
import { predictOnnx } from "../predict-onnx/spec.js";
import { queryEmbedding } from "../query-embedding/spec.js";
import { queryFaiss } from "../query-faiss/spec.js";
import { queryFeast } from "../query-feast/spec.js";
import { queryVectors } from "../query-vectors/spec.js";
import { recent } from "../recent/spec.js";
import { reduceDtypeSize } from "../reduce-dtype-size/spec.js";
import { rename } from "../rename/spec.js";
import { shadow } from "../shadow/spec.js";
import { softmaxSampling } from "../softmax-sampling/spec.js";
import { split } from "../split/spec.js";
import { targetEncoding } from "../target-encoding/spec.js";
import { thompsonSampling } from "../thompson-sampling/spec.js";
import { topK } from "../top-k/spec.js";
import { transformWorkflow } from "../transform-workflow/spec.js";
import { unrollFeatures } from "../unroll-features/spec.js";
import { valueCount } from "../value-count/spec.js";

export const SPECS = {
  addProperties,
  addTags,
  boost,
  bucketize,
  categorify,
  choose,
  clip,
  columnSimilarity,
  constantCandidates,
  dataStats,
  differenceLag,
  diversify,
  dropLowCardinality,
  dropna,
  epsilonGreedy,
  explode,
  fallback,
  fillMedian,
  fillMissing,
  filter,
  filterCandidates,
  fused,
  groupby,
  hashBucket,
  hashedCross,
  joinExternal,
  joinGroupby,
  lambdaOp,
  limitPerGroup,
  listSlice,
  logOp,
  lookupCandidates,
  median,
  mergeCandidates,
  mixScores,
  normalize,
  normalizeMinMax,
  predictForest,
  predictImplicit,
  predictOnnx,
  queryEmbedding,
  queryFaiss,
  queryFeast,
  queryVectors,
  recent,
  reduceDtypeSize,
  rename,
  shadow,
  softmaxSampling,
  split,
  targetEncoding,
  thompsonSampling,
  topK,
  transformWorkflow,
  unrollFeatures,
  valueCount,
} as const;
