/** Operator → its lowering, or why it has none. Made by scripts/gen-operators.mjs (`npm run gen`). */
import { boost } from "../boost/onnx.js";
import { bucketize } from "../bucketize/onnx.js";
import { categorify } from "../categorify/onnx.js";
import { choose } from "../choose/onnx.js";
import { clip } from "../clip/onnx.js";
import { columnSimilarity } from "../column-similarity/onnx.js";
import { constantCandidates } from "../constant-candidates/onnx.js";
import { differenceLag } from "../difference-lag/onnx.js";
import { diversify } from "../diversify/onnx.js";
import { dropna } from "../dropna/onnx.js";
import { epsilonGreedy } from "../epsilon-greedy/onnx.js";
import { explode } from "../explode/onnx.js";
import { fallback } from "../fallback/onnx.js";
import { fillMedian } from "../fill-median/onnx.js";
import { fillMissing } from "../fill-missing/onnx.js";
import { filter } from "../filter/onnx.js";
import { filterCandidates } from "../filter-candidates/onnx.js";
import { fused } from "../fused/onnx.js";
import { groupby } from "../groupby/onnx.js";
import { hashBucket } from "../hash-bucket/onnx.js";
import { hashedCross } from "../hashed-cross/onnx.js";
import { joinExternal } from "../join-external/onnx.js";
import { joinGroupby } from "../join-groupby/onnx.js";
import { lambdaOp } from "../lambda-op/onnx.js";
import { limitPerGroup } from "../limit-per-group/onnx.js";
import { listSlice } from "../list-slice/onnx.js";
import { logOp } from "../log-op/onnx.js";
import { lookupCandidates } from "../lookup-candidates/onnx.js";
import { mergeCandidates } from "../merge-candidates/onnx.js";
import { mixScores } from "../mix-scores/onnx.js";
import { normalize } from "../normalize/onnx.js";
import { normalizeMinMax } from "../normalize-min-max/onnx.js";
import { predictForest } from "../predict-forest/onnx.js";
import { predictImplicit } from "../predict-implicit/onnx.js";
import { predictOnnx } from "../predict-onnx/onnx.js";
import { queryEmbedding } from "../query-embedding/onnx.js";
import { queryFaiss } from "../query-faiss/onnx.js";
import { queryFeast } from "../query-feast/onnx.js";
import { queryVectors } from "../query-vectors/onnx.js";
import { recent } from "../recent/onnx.js";
import { reduceDtypeSize } from "../reduce-dtype-size/onnx.js";
import { shadow } from "../shadow/onnx.js";
import { identity } from "../shared/onnx/identity.js";
import { softmaxSampling } from "../softmax-sampling/onnx.js";
import { split } from "../split/onnx.js";
import { targetEncoding } from "../target-encoding/onnx.js";
import { thompsonSampling } from "../thompson-sampling/onnx.js";
import { topK } from "../top-k/onnx.js";
import { transformWorkflow } from "../transform-workflow/onnx.js";
import { unrollFeatures } from "../unroll-features/onnx.js";
import { valueCount } from "../value-count/onnx.js";

export const LOWERINGS = {
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
