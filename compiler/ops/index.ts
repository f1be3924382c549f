/** The catalogue: every operator's compile half. A kind without one is a compile error. */
import type { OpKind } from "../../triton-protos/op-params.js";
import { addPropertiesOp } from "./add-properties.js";
import { addTagsOp } from "./add-tags.js";
import { boostOp } from "./boost.js";
import { bucketizeOp } from "./bucketize.js";
import { categorifyOp } from "./categorify.js";
import { chooseOp } from "./choose.js";
import { clipOp } from "./clip.js";
import { columnSimilarityOp } from "./column-similarity.js";
import { dataStatsOp } from "./data-stats.js";
import type { OpDefinition } from "./define-op.js";
import { differenceLagOp } from "./difference-lag.js";
import { diversifyOp } from "./diversify.js";
import { dropLowCardinalityOp } from "./drop-low-cardinality.js";
import { dropnaOp } from "./dropna.js";
import { explodeOp } from "./explode.js";
import { fallbackOp } from "./fallback.js";
import { fillMedianOp } from "./fill-median.js";
import { fillMissingOp } from "./fill-missing.js";
import { filterOp } from "./filter.js";
import { filterCandidatesOp } from "./filter-candidates.js";
import { fusedOp } from "./fused.js";
import { groupbyOp } from "./groupby.js";
import { hashBucketOp } from "./hash-bucket.js";
import { hashedCrossOp } from "./hashed-cross.js";
import { joinExternalOp } from "./join-external.js";
import { joinGroupbyOp } from "./join-groupby.js";
import { lambdaOpOp } from "./lambda-op.js";
import { limitPerGroupOp } from "./limit-per-group.js";
import { listSliceOp } from "./list-slice.js";
import { logOpOp } from "./log-op.js";
import { medianOp } from "./median.js";
import { mixScoresOp } from "./mix-scores.js";
import { normalizeOp } from "./normalize.js";
import { normalizeMinMaxOp } from "./normalize-min-max.js";
import { predictForestOp } from "./predict-forest.js";
import { predictImplicitOp } from "./predict-implicit.js";
import { predictOnnxOp } from "./predict-onnx.js";
import { queryEmbeddingOp } from "./query-embedding.js";
import { queryFaissOp } from "./query-faiss.js";
import { queryFeastOp } from "./query-feast.js";
import { reduceDtypeSizeOp } from "./reduce-dtype-size.js";
import { renameOp } from "./rename.js";
import { softmaxSamplingOp } from "./softmax-sampling.js";
import { targetEncodingOp } from "./target-encoding.js";
import { topKOp } from "./top-k.js";
import { transformWorkflowOp } from "./transform-workflow.js";
import { unrollFeaturesOp } from "./unroll-features.js";
import { valueCountOp } from "./value-count.js";

const CATALOGUE = {
  fused: fusedOp,
  addProperties: addPropertiesOp,
  addTags: addTagsOp,
  categorify: categorifyOp,
  clip: clipOp,
  fillMissing: fillMissingOp,
  filter: filterOp,
  explode: explodeOp,
  fallback: fallbackOp,
  choose: chooseOp,
  filterCandidates: filterCandidatesOp,
  hashBucket: hashBucketOp,
  lambdaOp: lambdaOpOp,
  logOp: logOpOp,
  normalizeMinMax: normalizeMinMaxOp,
  fillMedian: fillMedianOp,
  bucketize: bucketizeOp,
  hashedCross: hashedCrossOp,
  listSlice: listSliceOp,
  targetEncoding: targetEncodingOp,
  joinGroupby: joinGroupbyOp,
  normalize: normalizeOp,
  predictOnnx: predictOnnxOp,
  predictForest: predictForestOp,
  predictImplicit: predictImplicitOp,
  queryFaiss: queryFaissOp,
  queryEmbedding: queryEmbeddingOp,
  queryFeast: queryFeastOp,
  rename: renameOp,
  softmaxSampling: softmaxSamplingOp,
  topK: topKOp,
  mixScores: mixScoresOp,
  boost: boostOp,
  limitPerGroup: limitPerGroupOp,
  diversify: diversifyOp,
  transformWorkflow: transformWorkflowOp,
  reduceDtypeSize: reduceDtypeSizeOp,
  valueCount: valueCountOp,
  median: medianOp,
  dataStats: dataStatsOp,
  dropLowCardinality: dropLowCardinalityOp,
  dropna: dropnaOp,
  differenceLag: differenceLagOp,
  groupby: groupbyOp,
  joinExternal: joinExternalOp,
  columnSimilarity: columnSimilarityOp,
  unrollFeatures: unrollFeaturesOp,
} satisfies { [K in OpKind]: { readonly kind: K } };

/** The definition of a kind, its author type forgotten: the graph pass parses parameters with the same definition it infers with. */
export const opDefinition = (kind: OpKind): OpDefinition<OpKind, unknown> =>
  CATALOGUE[kind] as OpDefinition<OpKind, unknown>;
