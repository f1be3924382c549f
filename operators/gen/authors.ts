/** Operator → its compile half. Made by scripts/gen-operators.mjs (`npm run gen`). */
import { addPropertiesOp } from "../add-properties/author.js";
import { addTagsOp } from "../add-tags/author.js";
import { boostOp } from "../boost/author.js";
import { bucketizeOp } from "../bucketize/author.js";
import { categorifyOp } from "../categorify/author.js";
import { chooseOp } from "../choose/author.js";
import { clipOp } from "../clip/author.js";
import { columnSimilarityOp } from "../column-similarity/author.js";
import { constantCandidatesOp } from "../constant-candidates/author.js";
import { dataStatsOp } from "../data-stats/author.js";
import { differenceLagOp } from "../difference-lag/author.js";
import { diversifyOp } from "../diversify/author.js";
import { dropLowCardinalityOp } from "../drop-low-cardinality/author.js";
import { dropnaOp } from "../dropna/author.js";
import { epsilonGreedyOp } from "../epsilon-greedy/author.js";
import { explodeOp } from "../explode/author.js";
import { fallbackOp } from "../fallback/author.js";
import { fillMedianOp } from "../fill-median/author.js";
import { fillMissingOp } from "../fill-missing/author.js";
import { filterOp } from "../filter/author.js";
import { filterCandidatesOp } from "../filter-candidates/author.js";
import { fusedOp } from "../fused/author.js";
import { groupbyOp } from "../groupby/author.js";
import { hashBucketOp } from "../hash-bucket/author.js";
import { hashedCrossOp } from "../hashed-cross/author.js";
import { joinExternalOp } from "../join-external/author.js";
import { joinGroupbyOp } from "../join-groupby/author.js";
import { lambdaOpOp } from "../lambda-op/author.js";
import { limitPerGroupOp } from "../limit-per-group/author.js";
import { listSliceOp } from "../list-slice/author.js";
import { logOpOp } from "../log-op/author.js";
import { lookupCandidatesOp } from "../lookup-candidates/author.js";
import { medianOp } from "../median/author.js";
import { mergeCandidatesOp } from "../merge-candidates/author.js";
import { mixScoresOp } from "../mix-scores/author.js";
import { normalizeOp } from "../normalize/author.js";
import { normalizeMinMaxOp } from "../normalize-min-max/author.js";
import { predictForestOp } from "../predict-forest/author.js";
import { predictImplicitOp } from "../predict-implicit/author.js";
import { predictOnnxOp } from "../predict-onnx/author.js";
import { queryEmbeddingOp } from "../query-embedding/author.js";
import { queryFaissOp } from "../query-faiss/author.js";
import { queryFeastOp } from "../query-feast/author.js";
import { queryVectorsOp } from "../query-vectors/author.js";
import { recentOp } from "../recent/author.js";
import { reduceDtypeSizeOp } from "../reduce-dtype-size/author.js";
import { renameOp } from "../rename/author.js";
import { shadowOp } from "../shadow/author.js";
import { softmaxSamplingOp } from "../softmax-sampling/author.js";
import { splitOp } from "../split/author.js";
import { targetEncodingOp } from "../target-encoding/author.js";
import { thompsonSamplingOp } from "../thompson-sampling/author.js";
import { topKOp } from "../top-k/author.js";
import { transformWorkflowOp } from "../transform-workflow/author.js";
import { unrollFeaturesOp } from "../unroll-features/author.js";
import { valueCountOp } from "../value-count/author.js";

export const AUTHORS = {
  addProperties: addPropertiesOp,
  addTags: addTagsOp,
  boost: boostOp,
  bucketize: bucketizeOp,
  categorify: categorifyOp,
  choose: chooseOp,
  clip: clipOp,
  columnSimilarity: columnSimilarityOp,
  constantCandidates: constantCandidatesOp,
  dataStats: dataStatsOp,
  differenceLag: differenceLagOp,
  diversify: diversifyOp,
  dropLowCardinality: dropLowCardinalityOp,
  dropna: dropnaOp,
  epsilonGreedy: epsilonGreedyOp,
  explode: explodeOp,
  fallback: fallbackOp,
  fillMedian: fillMedianOp,
  fillMissing: fillMissingOp,
  filter: filterOp,
  filterCandidates: filterCandidatesOp,
  fused: fusedOp,
  groupby: groupbyOp,
  hashBucket: hashBucketOp,
  hashedCross: hashedCrossOp,
  joinExternal: joinExternalOp,
  joinGroupby: joinGroupbyOp,
  lambdaOp: lambdaOpOp,
  limitPerGroup: limitPerGroupOp,
  listSlice: listSliceOp,
  logOp: logOpOp,
  lookupCandidates: lookupCandidatesOp,
  median: medianOp,
  mergeCandidates: mergeCandidatesOp,
  mixScores: mixScoresOp,
  normalize: normalizeOp,
  normalizeMinMax: normalizeMinMaxOp,
  predictForest: predictForestOp,
  predictImplicit: predictImplicitOp,
  predictOnnx: predictOnnxOp,
  queryEmbedding: queryEmbeddingOp,
  queryFaiss: queryFaissOp,
  queryFeast: queryFeastOp,
  queryVectors: queryVectorsOp,
  recent: recentOp,
  reduceDtypeSize: reduceDtypeSizeOp,
  rename: renameOp,
  shadow: shadowOp,
  softmaxSampling: softmaxSamplingOp,
  split: splitOp,
  targetEncoding: targetEncodingOp,
  thompsonSampling: thompsonSamplingOp,
  topK: topKOp,
  transformWorkflow: transformWorkflowOp,
  unrollFeatures: unrollFeaturesOp,
  valueCount: valueCountOp,
} as const;
