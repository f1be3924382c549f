/** Operator → its kernel. Made by scripts/gen-operators.mjs (`npm run gen`). */
import { boost } from "../boost/kernel.js";
import { bucketize } from "../bucketize/kernel.js";
import { categorify } from "../categorify/kernel.js";
import { choose } from "../choose/kernel.js";
import { clip } from "../clip/kernel.js";
import { columnSimilarity } from "../column-similarity/kernel.js";
import { constantCandidates } from "../constant-candidates/kernel.js";
import { differenceLag } from "../difference-lag/kernel.js";
import { diversify } from "../diversify/kernel.js";
import { dropna } from "../dropna/kernel.js";
import { epsilonGreedy } from "../epsilon-greedy/kernel.js";
import { explode } from "../explode/kernel.js";
import { fallback } from "../fallback/kernel.js";
import { fillMedian } from "../fill-median/kernel.js";
import { fillMissing } from "../fill-missing/kernel.js";
import { filter } from "../filter/kernel.js";
import { filterCandidates } from "../filter-candidates/kernel.js";
import { fused } from "../fused/kernel.js";
import { groupby } from "../groupby/kernel.js";
import { hashBucket } from "../hash-bucket/kernel.js";
import { hashedCross } from "../hashed-cross/kernel.js";
import { joinExternal } from "../join-external/kernel.js";
import { joinGroupby } from "../join-groupby/kernel.js";
import { lambdaOp } from "../lambda-op/kernel.js";
import { limitPerGroup } from "../limit-per-group/kernel.js";
import { listSlice } from "../list-slice/kernel.js";
import { logOp } from "../log-op/kernel.js";
import { lookupCandidates } from "../lookup-candidates/kernel.js";
import { mergeCandidates } from "../merge-candidates/kernel.js";
import { mixScores } from "../mix-scores/kernel.js";
import { normalize } from "../normalize/kernel.js";
import { normalizeMinMax } from "../normalize-min-max/kernel.js";
import { predictForest } from "../predict-forest/kernel.js";
import { predictImplicit } from "../predict-implicit/kernel.js";
import { predictOnnx } from "../predict-onnx/kernel.js";
import { queryEmbedding } from "../query-embedding/kernel.js";
import { queryFaiss } from "../query-faiss/kernel.js";
import { queryFeast } from "../query-feast/kernel.js";
import { queryVectors } from "../query-vectors/kernel.js";
import { recent } from "../recent/kernel.js";
import { reduceDtypeSize } from "../reduce-dtype-size/kernel.js";
import { shadow } from "../shadow/kernel.js";
import { identity } from "../shared/kernel/identity.js";
import { softmaxSampling } from "../softmax-sampling/kernel.js";
import { split } from "../split/kernel.js";
import { targetEncoding } from "../target-encoding/kernel.js";
import { thompsonSampling } from "../thompson-sampling/kernel.js";
import { topK } from "../top-k/kernel.js";
import { transformWorkflow } from "../transform-workflow/kernel.js";
import { unrollFeatures } from "../unroll-features/kernel.js";
import { valueCount } from "../value-count/kernel.js";

export const KERNELS = {
  addProperties: identity,
  addTags: identity,
  boost,
  bucketize,
  categorify,
  choose,
  clip,
  columnSimilarity,
  constantCandidates,
  dataStats: identity,
  differenceLag,
  diversify,
  dropLowCardinality: identity,
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
  median: identity,
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
  rename: identity,
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
