/** The catalogue: every operator's ONNX half, or the decision that it has none. A kind without an entry is a compile error. */
import type { OpKind } from "../contract/op-params.js";
import { boost } from "./boost/onnx.js";
import { bucketize } from "./bucketize/onnx.js";
import { categorify } from "./categorify/onnx.js";
import { choose } from "./choose/onnx.js";
import { clip } from "./clip/onnx.js";
import { columnSimilarity } from "./column-similarity/onnx.js";
import { diversify } from "./diversify/onnx.js";
import { dropLowCardinality } from "./drop-low-cardinality/onnx.js";
import { dropna } from "./dropna/onnx.js";
import { explode } from "./explode/onnx.js";
import { fillMedian } from "./fill-median/onnx.js";
import { fillMissing } from "./fill-missing/onnx.js";
import { filter } from "./filter/onnx.js";
import { filterCandidates } from "./filter-candidates/onnx.js";
import { hashBucket } from "./hash-bucket/onnx.js";
import { hashedCross } from "./hashed-cross/onnx.js";
import { joinExternal } from "./join-external/onnx.js";
import { joinGroupby } from "./join-groupby/onnx.js";
import { lambdaOp } from "./lambda-op/onnx.js";
import { limitPerGroup } from "./limit-per-group/onnx.js";
import { listSlice } from "./list-slice/onnx.js";
import { logOp } from "./log-op/onnx.js";
import { mixScores } from "./mix-scores/onnx.js";
import { normalize } from "./normalize/onnx.js";
import { normalizeMinMax } from "./normalize-min-max/onnx.js";
import { predictForest } from "./predict-forest/onnx.js";
import { predictImplicit } from "./predict-implicit/onnx.js";
import { predictOnnx } from "./predict-onnx/onnx.js";
import { queryEmbedding } from "./query-embedding/onnx.js";
import { queryFaiss } from "./query-faiss/onnx.js";
import { queryFeast } from "./query-feast/onnx.js";
import { reduceDtypeSize } from "./reduce-dtype-size/onnx.js";
import { asTheyAre } from "./shared/onnx/as-they-are.js";
import { KEEP, type Lowering, type NotLowered } from "./shared/onnx/lowering.js";
import { softmaxSampling } from "./softmax-sampling/onnx.js";
import { targetEncoding } from "./target-encoding/onnx.js";
import { topK } from "./top-k/onnx.js";
import { transformWorkflow } from "./transform-workflow/onnx.js";
import { unrollFeatures } from "./unroll-features/onnx.js";
import { valueCount } from "./value-count/onnx.js";

export const LOWERINGS = {
  addProperties: asTheyAre,
  addTags: asTheyAre,
  boost,
  bucketize,
  categorify,
  choose,
  clip,
  columnSimilarity,
  dataStats: asTheyAre,
  differenceLag: {
    notLowered: "it reads the rows before and after a row, and who is in a batch is chance",
    way: `Compute it in the feature store, or ${KEEP}.`,
  },
  diversify,
  dropLowCardinality,
  dropna,
  explode,
  fallback: {
    notLowered: "it takes another branch when one fails or is late, and a graph has neither faults nor a clock",
    way: `Build the branches as two ensembles and choose in the client, or ${KEEP}.`,
  },
  fillMedian,
  fillMissing,
  filter,
  filterCandidates,
  groupby: {
    notLowered: "it makes one row of many, and every row of a Triton request has an answer",
    way: `Keep the groups in the feature store, or ${KEEP}.`,
  },
  fused: { notLowered: "its parts are lowered one by one", way: "Build it again." },
  hashBucket,
  hashedCross,
  joinExternal,
  joinGroupby,
  lambdaOp,
  limitPerGroup,
  listSlice,
  logOp,
  median: asTheyAre,
  mixScores,
  normalize,
  normalizeMinMax,
  predictForest,
  predictImplicit,
  predictOnnx,
  queryEmbedding,
  queryFaiss,
  queryFeast,
  reduceDtypeSize,
  rename: asTheyAre,
  softmaxSampling,
  targetEncoding,
  topK,
  transformWorkflow,
  unrollFeatures,
  valueCount,
} satisfies { readonly [K in OpKind]: Lowering<K> | NotLowered } as {
  readonly [K in OpKind]: Lowering<K> | NotLowered;
};
