/** The catalogue: every operator's ONNX half, or the decision that it has none. A kind without an entry is a compile error. */
import type { OpKind } from "../../triton-protos/op-params.js";
import { asTheyAre } from "./as-they-are.js";
import { boost } from "./boost.js";
import { bucketize } from "./bucketize.js";
import { categorify } from "./categorify.js";
import { choose } from "./choose.js";
import { clip } from "./clip.js";
import { columnSimilarity } from "./column-similarity.js";
import { diversify } from "./diversify.js";
import { dropLowCardinality } from "./drop-low-cardinality.js";
import { dropna } from "./dropna.js";
import { explode } from "./explode.js";
import { fillMedian } from "./fill-median.js";
import { fillMissing } from "./fill-missing.js";
import { filter } from "./filter.js";
import { filterCandidates } from "./filter-candidates.js";
import { hashBucket } from "./hash-bucket.js";
import { hashedCross } from "./hashed-cross.js";
import { joinExternal } from "./join-external.js";
import { joinGroupby } from "./join-groupby.js";
import { lambdaOp } from "./lambda-op.js";
import { limitPerGroup } from "./limit-per-group.js";
import { listSlice } from "./list-slice.js";
import { logOp } from "./log-op.js";
import { KEEP, type Lowering, type NotLowered } from "./lowering.js";
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
import { softmaxSampling } from "./softmax-sampling.js";
import { targetEncoding } from "./target-encoding.js";
import { topK } from "./top-k.js";
import { transformWorkflow } from "./transform-workflow.js";
import { unrollFeatures } from "./unroll-features.js";
import { valueCount } from "./value-count.js";

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
