/**
 * The exports of `import … from "merlon"`: nodes, operators, and the two kinds of program.
 */
export { addProperties } from "../../operators/add-properties/author.js";
export { addTags } from "../../operators/add-tags/author.js";
export { type BoostOptions, boost } from "../../operators/boost/author.js";
export { bucketize } from "../../operators/bucketize/author.js";
export { categorify } from "../../operators/categorify/author.js";
export { type Branches, choose } from "../../operators/choose/author.js";
export { clip } from "../../operators/clip/author.js";
export { columnSimilarity } from "../../operators/column-similarity/author.js";
export { constantCandidates } from "../../operators/constant-candidates/author.js";
export { dataStats } from "../../operators/data-stats/author.js";
export { differenceLag } from "../../operators/difference-lag/author.js";
export { diversify } from "../../operators/diversify/author.js";
export { dropLowCardinality } from "../../operators/drop-low-cardinality/author.js";
export { dropna } from "../../operators/dropna/author.js";
export { epsilonGreedy } from "../../operators/epsilon-greedy/author.js";
export { explode } from "../../operators/explode/author.js";
export { fallback } from "../../operators/fallback/author.js";
export { fillMedian } from "../../operators/fill-median/author.js";
export { fillMissing } from "../../operators/fill-missing/author.js";
export { filter } from "../../operators/filter/author.js";
export { type CandidateLists, filterCandidates } from "../../operators/filter-candidates/author.js";
export { groupby } from "../../operators/groupby/author.js";
export { hashBucket } from "../../operators/hash-bucket/author.js";
export { hashedCross } from "../../operators/hashed-cross/author.js";
export { joinExternal } from "../../operators/join-external/author.js";
export { joinGroupby } from "../../operators/join-groupby/author.js";
export { type LambdaOptions, lambdaOp } from "../../operators/lambda-op/author.js";
export { limitPerGroup } from "../../operators/limit-per-group/author.js";
export { listSlice } from "../../operators/list-slice/author.js";
export { logOp } from "../../operators/log-op/author.js";
export { lookupCandidates } from "../../operators/lookup-candidates/author.js";
export { median } from "../../operators/median/author.js";
export { mergeCandidates } from "../../operators/merge-candidates/author.js";
export { mixScores } from "../../operators/mix-scores/author.js";
export { normalize } from "../../operators/normalize/author.js";
export { normalizeMinMax } from "../../operators/normalize-min-max/author.js";
export { type PredictForestOptions, predictForest } from "../../operators/predict-forest/author.js";
export { predictImplicit } from "../../operators/predict-implicit/author.js";
export { type PredictOnnxOptions, predictOnnx } from "../../operators/predict-onnx/author.js";
export { queryEmbedding } from "../../operators/query-embedding/author.js";
export { queryFaiss } from "../../operators/query-faiss/author.js";
export { type QueryFeastOptions, queryFeast } from "../../operators/query-feast/author.js";
export { queryVectors } from "../../operators/query-vectors/author.js";
export { recent } from "../../operators/recent/author.js";
export { reduceDtypeSize } from "../../operators/reduce-dtype-size/author.js";
export { rename } from "../../operators/rename/author.js";
export { shadow } from "../../operators/shadow/author.js";
export { type CacheOptions, cached } from "../../operators/shared/author/cached.js";
export {
  tagAsItemFeatures,
  tagAsItemId,
  tagAsUserFeatures,
  tagAsUserId,
} from "../../operators/shared/author/tag-as.js";
export { softmaxSampling } from "../../operators/softmax-sampling/author.js";
export { split } from "../../operators/split/author.js";
export type { Arms, SplitOptions } from "../../operators/split/author-types.js";
export { targetEncoding } from "../../operators/target-encoding/author.js";
export { thompsonSampling } from "../../operators/thompson-sampling/author.js";
export { topK } from "../../operators/top-k/author.js";
export { type TransformWorkflowOptions, transformWorkflow } from "../../operators/transform-workflow/author.js";
export { unrollFeatures } from "../../operators/unroll-features/author.js";
export { valueCount } from "../../operators/value-count/author.js";
// All of it, and not by name: `merlon-env.d.ts` can augment `Artefacts` only so.
export type * from "./artefacts.js";
export type { ColumnType } from "./column.js";
export { $lambda, $place, type ColumnFunction, type ColumnValue } from "./lambda.js";
export type { Node, Op, PlusOptions } from "./node.js";
export { $chain, $list, $minus, $pick, $plus } from "./operators.js";
export { type Ensemble, ensemble, type Workflow, workflow } from "./program.js";
export { type KnownTag, type Tag, tag } from "./selector.js";
export type {
  DynamicBatching,
  EnsembleOptions,
  ExposureOptions,
  InstanceGroup,
  SampleValue,
  WarmUp,
} from "./serving.js";
export { source } from "./source.js";
export { subgraph } from "./subgraph.js";
