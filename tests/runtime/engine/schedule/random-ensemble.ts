// Random ensembles over the samples' artefacts: retrieval, filtering, features, scoring, ordering, each stage one of the ways there are. Their plans are
// run in process, with onnxruntime behind the models.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import * as ort from "onnxruntime-node";
import { artefactReader } from "#compiler/3-graph/artefacts.js";
import { infer } from "#compiler/3-graph/infer.js";
import { serialise } from "#compiler/3-graph/serialise.js";
import { lower } from "#compiler/4-plan/lower.js";
import { optimise } from "#compiler/4-plan/passes.js";
import {
  addTags,
  boost,
  cached,
  choose,
  clip,
  ensemble,
  explode,
  fallback,
  filter,
  filterCandidates,
  lambdaOp,
  lookupCandidates,
  mergeCandidates,
  mixScores,
  predictForest,
  predictImplicit,
  predictOnnx,
  queryFaiss,
  queryFeast,
  rename,
  shadow,
  source,
  split,
  transformWorkflow,
  unrollFeatures,
} from "#compiler/dsl/index.js";
import type { AnyNode } from "#compiler/dsl/node.js";
import type { Plan } from "#contract/plan.js";
import type { Values } from "#runtime/base/columns/table.js";
import { tensorValues, valuesTensor } from "#runtime/base/columns/tensor-values.js";
import type { ModelCaller } from "#runtime/engine/schedule/kernel.js";
import { type DType, datatype, wireDatatype } from "#triton-protos/datatype.js";
import { type FeatureChoice, featureChoice, keptItems, lagScores, userFacts } from "./random-features.js";
import { f, lambdas } from "./random-functions.js";
import { type OrderChoice, order, orderChoice } from "./random-ordering.js";

export const ARTEFACTS = join(import.meta.dirname, "../../../samples/artefacts");
const artefacts = artefactReader(ARTEFACTS);

const RETRIEVALS = [
  "faiss",
  "tower",
  "strict",
  "implicit",
  "popular",
  "town",
  "recent",
  "fallback",
  "choose",
  "split",
  "shadow",
  "merge",
] as const;

/** One way through the stages. */
export interface Choice extends FeatureChoice, OrderChoice {
  readonly retrieval: (typeof RETRIEVALS)[number];
  readonly first: (typeof RETRIEVALS)[number];
  readonly second: (typeof RETRIEVALS)[number];
  readonly method: "roundRobin" | "rrf" | "weighted" | "max";
  readonly normalize: "minMax" | "z" | "none";
  /** The merge has quotas and floors. */
  readonly bounded: boolean;
  /** The merge leaves out a source that fails. */
  readonly within: boolean;
  readonly topk: number;
  readonly exclude: boolean;
  readonly deny: boolean;
  readonly allow: boolean;
  readonly seen: boolean;
  /** Several deny and allow lists. */
  readonly many: boolean;
  /** Filters as lists of words instead of texts. */
  readonly words: boolean;
  readonly drop: boolean;
  readonly filter: boolean;
  readonly score: "lambda" | "own" | "onnx" | "forest";
  readonly scale: "none" | "minMax" | "standard" | "rank";
  readonly boost: boolean;
  readonly cached: boolean;
}

export const choice: fc.Arbitrary<Choice> = fc.record({
  retrieval: fc.constantFrom(...RETRIEVALS),
  first: fc.constantFrom(...RETRIEVALS),
  second: fc.constantFrom(...RETRIEVALS),
  method: fc.constantFrom("roundRobin", "rrf", "weighted", "max"),
  normalize: fc.constantFrom("minMax", "z", "none"),
  bounded: fc.boolean(),
  within: fc.nat({ max: 4 }).map(n => n === 0),
  topk: fc.integer({ min: 1, max: 25 }),
  exclude: fc.boolean(),
  deny: fc.boolean(),
  allow: fc.boolean(),
  seen: fc.boolean(),
  many: fc.boolean(),
  words: fc.boolean(),
  drop: fc.boolean(),
  filter: fc.boolean(),
  score: fc.constantFrom("lambda", "own", "onnx", "forest"),
  scale: fc.constantFrom("none", "minMax", "standard", "rank"),
  boost: fc.boolean(),
  cached: fc.boolean(),
  ...orderChoice,
  ...featureChoice,
});

function candidates(of: Choice, kind: Choice["retrieval"], request: AnyNode, depth = 0): AnyNode {
  const { topk, exclude } = of;
  const without = exclude ? { exclude: request.pick("hidden") } : {};
  const keep = <T>(op: T): T => (of.cached ? (cached(op as never, { ttlSeconds: 60 }) as T) : op);
  switch (kind) {
    case "strict":
    case "tower": {
      const user = request.pick("user_id").pipe(
        keep(
          queryFeast("features", {
            view: "user_features",
            features: ["age", "city"],
            // A user whom the store does not know has no query, if it is strict.
            onMissing: kind === "strict" ? "error" : { age: { default: 40 }, city: { default: "Ghent" } },
          }),
        ),
      );
      const query = user.pipe(transformWorkflow("etl/user")).pipe(keep(predictOnnx("models/query_tower.onnx")));
      return query.pipe(keep(queryFaiss("index/items.faiss", { topk, ...without }))) as AnyNode;
    }
    case "implicit": {
      const found: AnyNode = request
        .pick("user_row")
        .pipe(keep(predictImplicit("models/als.npz", { topk, onMissing: "empty", ...without })));
      return found.pick("ids").pipe(rename({ name: "candidate_ids" }));
    }
    case "town":
      return request.pick("town").pipe(lookupCandidates("tables/popular.candidates", { topk }));
    case "recent":
      return request.pick("licensed").pipe(lookupCandidates("tables/together.candidates", { topk }));
    case "popular":
      return request.pick("popular_ids").pipe(explode());
    case "fallback":
      if (depth < 2)
        return candidates(of, of.first, request, depth + 1).pipe(
          fallback(candidates(of, of.second, request, depth + 1)),
        );
      break;
    case "merge":
      if (depth < 2) return merged(of, request, depth, without);
      break;
    case "split":
      if (depth < 2) {
        const arms = {
          first: candidates(of, of.first, request, depth + 1),
          second: candidates(of, of.second, request, depth + 1),
        };
        return request.pick("user_id").pipe(split(arms));
      }
      break;
    case "shadow":
      if (depth < 2)
        return candidates(of, of.first, request, depth + 1).pipe(shadow(candidates(of, of.second, request, depth + 1)));
      break;
    case "choose":
      if (depth < 2) {
        const isNew: AnyNode = request.pick("visits").pipe(lambdaOp(f("isNew"), { name: "is_new" }));
        const yes = candidates(of, of.first, request, depth + 1);
        return isNew.pipe(choose({ yes, no: candidates(of, of.second, request, depth + 1) }));
      }
      break;
    default:
  }
  return request.pick("query").pipe(keep(queryFaiss("index/items.faiss", { topk, ...without })));
}

/** Three sources: two with scores, and one of another way, which has none. */
function merged(of: Choice, request: AnyNode, depth: number, without: { readonly exclude?: AnyNode }): AnyNode {
  const { topk, method, normalize, bounded, within } = of;
  const near: AnyNode = request
    .pick("query")
    .pipe(queryFaiss("index/items.faiss", { topk, includeDistances: true, ...without }));
  const factors: AnyNode = request
    .pick("user_row")
    .pipe(predictImplicit("models/als.npz", { topk, onMissing: "empty" }));
  const needsScores = method === "weighted" || method === "max";
  const others = needsScores ? [factors] : [factors, candidates(of, of.first, request, depth + 1)];
  const united: AnyNode = near.pipe(
    mergeCandidates(others, {
      method,
      normalize,
      topk: topk + 3,
      names: needsScores ? ["near", "factors"] : ["near", "factors", "third"],
      keepSource: true,
      ...((method === "rrf" || method === "weighted") && { weights: { factors: 0.5 } }),
      ...(bounded && { quotas: { near: 4 }, floors: { factors: 2 } }),
      ...(within && { within: needsScores ? { factors: 60_000 } : { third: 60_000 } }),
    }),
  );
  return united.pick("candidate_ids");
}

function scores(of: Choice, pairs: AnyNode): AnyNode {
  const byHand: AnyNode = pairs.pipe(lambdaOp(f("score"), { name: "score", dtype: "float32" }));
  if (of.score === "lambda") return byHand;
  if (of.score === "own") return pairs.pipe(lambdaOp(f("own"), { name: "score", dtype: "float32" }));
  if (of.score === "onnx") {
    const age: AnyNode = pairs.pick("price").pipe(rename({ name: "age" }));
    const ranked: AnyNode = pairs
      .pick("item_id")
      .plus(age)
      .pipe(predictOnnx("models/ranker.onnx", { batchSize: of.keep }));
    return ranked.pipe(rename({ name: "score" }));
  }
  const columns = [
    pairs.pick("price"),
    pairs
      .pick("price")
      .pipe(clip({ max: 30 }))
      .pipe(rename({ name: "age" })),
    pairs.pipe(lambdaOp(f("visits"), { name: "visits", dtype: "int64" })),
    pairs.pick("item_id").pipe(lambdaOp(f("stock"), { name: "stock" })),
    pairs.pick("item_id").pipe(lambdaOp(f("brand"), { name: "brand", dtype: "int32" })),
  ] as AnyNode[];
  const features = columns.reduce((all, next) => all.plus(next));
  return features.pipe(predictForest("models/xgboost-logistic.json", { output: "score" }));
}

/** @returns the answer's node */
function program(of: Choice): AnyNode {
  const request: AnyNode = source({
    user_id: "int64",
    user_row: "int64",
    visits: "int64",
    query: "float32[4]",
    popular_ids: "list<int64>",
    hidden: "list<int64>",
    licensed: "list<int64>",
    blocked: "list<int64>",
    regional: "list<int64>",
    town: "string",
    seen: "string",
    seen_words: "list<int64>",
    words: "list<string>",
  });
  let ids = candidates(of, of.retrieval, request);
  if (of.deny || of.allow || of.seen)
    ids = ids.pipe(
      filterCandidates({
        ...(of.deny && { deny: request.pick(of.many ? ["hidden", "blocked"] : ["hidden"]) }),
        ...(of.allow && { allow: request.pick(of.many ? ["licensed", "regional"] : ["licensed"]) }),
        ...(of.seen && { seen: request.pick(of.words ? "seen_words" : "seen") }),
      }),
    );
  ids = ids.pipe(rename({ name: "item_id" })).pipe(addTags("item_id"));
  const keep = <T>(op: T): T =>
    of.cached && !of.drop ? (cached(op as never, { ttlSeconds: 60, maxRows: 7 }) as T) : op;
  const items: AnyNode = ids.pipe(
    keep(
      queryFeast("features", {
        view: "item_features",
        includeId: true,
        onMissing: of.drop ? "drop" : of.kept ? "null" : { price: { default: 12.5 } },
      }),
    ),
  );
  let pairs: AnyNode = (of.kept ? keptItems(items) : items).pipe(
    unrollFeatures("item_id", request.pick(["visits", "licensed", "query", "town"]), { prefix: "user" }),
  );
  if (of.filter) pairs = pairs.pipe(filter(f("cheap")));
  const weights = { score: 2, ...(of.lag && { lag: -0.5 }) };
  const parts = of.lag ? scores(of, pairs).plus(lagScores(pairs)) : scores(of, pairs);
  let score = parts.pipe(mixScores({ weights, scale: of.scale, name: "score" })) as AnyNode;
  if (of.boost)
    score = (pairs.plus(score) as AnyNode)
      .pipe(boost(f(of.many ? "local" : "even"), { score: "score", multiply: 0.5, add: 0.25 }))
      .pick("score");
  const ordered = order(of, pairs.pick("item_id"), score);
  const facts = userFacts(of, request);
  return facts ? ordered.plus(facts) : ordered;
}

/** Compiles, and puts the artefacts into a folder. */
export function randomEnsemble(of: Choice, folder: string): { readonly plan: Plan; readonly models: ModelFiles } {
  const graph = serialise(ensemble("random", program(of)));
  const inferred = infer(graph, { artefacts, lambdas, variable: () => undefined });
  const errors = inferred.faults.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message.message).join("\n"));
  for (const { files = [] } of inferred.steps)
    for (const file of files) {
      const to = join(folder, file.to);
      mkdirSync(dirname(to), { recursive: true });
      if ("from" in file) cpSync(file.from, to, { recursive: true });
      else if ("store" in file) cpSync(file.store, to);
      else writeFileSync(to, "text" in file ? file.text : file.bytes);
    }
  const models = new Map(inferred.steps.flatMap(({ model }) => (model ? [[model.name, model] as const] : [])));
  return { plan: optimise(lower(graph, inferred)).plan, models };
}

type ModelFiles = ReadonlyMap<string, { readonly from: string; readonly bytes?: Uint8Array }>;
const sessions = new Map<string, Promise<ort.InferenceSession>>();

/** The models, as a server answers for them. */
export function ortModels(files: ModelFiles): ModelCaller {
  const open = (name: string): Promise<ort.InferenceSession> => {
    const { from, bytes } = files.get(name)!;
    const known =
      sessions.get(from) ?? (bytes ? ort.InferenceSession.create(bytes) : ort.InferenceSession.create(from));
    sessions.set(from, known);
    return known;
  };
  const describe = (list: readonly ort.InferenceSession.ValueMetadata[]) =>
    list.map(value => {
      if (!value.isTensor) throw new Error("no tensor");
      const shape = value.shape.map(dim => (typeof dim === "number" ? dim : -1));
      return { name: value.name, datatype: datatype(value.type as DType).wire, shape };
    });
  return {
    describe: async name => {
      const { inputMetadata, outputMetadata } = await open(name);
      return { inputs: describe(inputMetadata), outputs: describe(outputMetadata) };
    },
    infer: async (name, inputs, outputs) => {
      const feeds = Object.fromEntries(
        inputs.map(tensor => {
          const dtype = wireDatatype(tensor.datatype)!.name;
          return [
            tensor.name,
            new ort.Tensor(dtype as "float32", tensorValues(tensor, dtype) as Float32Array, tensor.shape),
          ];
        }),
      );
      const made = await (await open(name)).run(feeds, outputs);
      return outputs.map(output => {
        const tensor = made[output]!;
        return valuesTensor(output, tensor.type as DType, tensor.dims, tensor.data as Values);
      });
    },
  };
}
