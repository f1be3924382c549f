/**
 * What `import … from "merlon"` gives: nodes, operators, and the two kinds of program.
 */
export { addProperties } from "../ops/add-properties.js";
export { addTags } from "../ops/add-tags.js";
export { bucketize } from "../ops/bucketize.js";
export { categorify } from "../ops/categorify.js";
export { clip } from "../ops/clip.js";
export { dataStats } from "../ops/data-stats.js";
export { diversify } from "../ops/diversify.js";
export { dropLowCardinality } from "../ops/drop-low-cardinality.js";
export { fillMedian } from "../ops/fill-median.js";
export { fillMissing } from "../ops/fill-missing.js";
export { filter } from "../ops/filter.js";
export { type CandidateLists, filterCandidates } from "../ops/filter-candidates.js";
export { hashBucket } from "../ops/hash-bucket.js";
export { hashedCross } from "../ops/hashed-cross.js";
export { joinGroupby } from "../ops/join-groupby.js";
export { type LambdaOptions, lambdaOp } from "../ops/lambda-op.js";
export { limitPerGroup } from "../ops/limit-per-group.js";
export { listSlice } from "../ops/list-slice.js";
export { logOp } from "../ops/log-op.js";
export { median } from "../ops/median.js";
export { mixScores } from "../ops/mix-scores.js";
export { normalize } from "../ops/normalize.js";
export { normalizeMinMax } from "../ops/normalize-min-max.js";
export { type PredictForestOptions, predictForest } from "../ops/predict-forest.js";
export { type PredictOnnxOptions, predictOnnx } from "../ops/predict-onnx.js";
export { queryFaiss } from "../ops/query-faiss.js";
export { type QueryFeastOptions, queryFeast } from "../ops/query-feast.js";
export { reduceDtypeSize } from "../ops/reduce-dtype-size.js";
export { rename } from "../ops/rename.js";
export { softmaxSampling } from "../ops/softmax-sampling.js";
export { tagAsItemFeatures, tagAsItemId, tagAsUserFeatures, tagAsUserId } from "../ops/tag-as.js";
export { targetEncoding } from "../ops/target-encoding.js";
export { topK } from "../ops/top-k.js";
export { type TransformWorkflowOptions, transformWorkflow } from "../ops/transform-workflow.js";
export { unrollFeatures } from "../ops/unroll-features.js";
export { valueCount } from "../ops/value-count.js";
// All of it, and not by name: `merlon-env.d.ts` can augment `Artefacts` only so.
export type * from "./artefacts.js";
export type { ColumnType } from "./column.js";
export { $lambda, type ColumnFunction, type ColumnValue } from "./lambda.js";
export { type Node, type Op, source } from "./node.js";
export { $chain, $list, $minus, $pick, $plus, type PlusOptions } from "./operators.js";
export { type Ensemble, ensemble, type Workflow, workflow } from "./program.js";
export { type KnownTag, type Tag, tag } from "./selector.js";
export type { DynamicBatching, EnsembleOptions, InstanceGroup, SampleValue, WarmUp } from "./serving.js";
export { subgraph } from "./subgraph.js";
