/**
 * A step → what it does, in a few words; parameters that say something are in them.
 */
import type { AnyStep } from "../../contract/plan.js";
import { plural } from "./explanation.js";

const views = (view: string | readonly string[]): string =>
  typeof view === "string" ? `view ${view}` : `views ${view.join(", ")}`;
const keys = (column: string | Readonly<Record<string, string>>): string =>
  typeof column === "string" ? column : Object.values(column).join(", ");

export function describeStep(step: AnyStep): string {
  const does = describeOperator(step);
  if (!step.cache) return does;
  const { ttlSeconds, maxRows, key } = step.cache;
  return `${does}; keeps ${maxRows} rows for ${ttlSeconds} s${key ? ` by ${key.join(", ")}` : ""}`;
}

function describeOperator(step: AnyStep): string {
  const names = (port: string) => (step.inputs[port] ?? []).map(ref => ref.name).join(", ");
  switch (step.op) {
    case "fused":
      return `${plural(step.parts!.length, "step")} in one walk: ${[...new Set(step.parts!.map(describeStep))].join("; ")}`;
    case "queryFeast":
      return `fetch ${plural(Object.keys(step.params.features).length, "feature")} of ${views(step.params.view)} by ${keys(step.params.entityColumn)} from ${step.params.repository}`;
    case "transformWorkflow":
      return [
        `apply ${step.params.subgraph === undefined ? "" : `the part ${step.params.subgraph} of `}the fitted workflow ${step.params.path}`,
        ...(step.params.removeInputs ?? []).map(name => `without ${name}`),
      ].join(", ");
    case "predictOnnx":
      return `run ${step.params.path} as model ${step.params.model}`;
    case "predictForest":
      return `run the forest ${step.params.path} on ${plural(step.params.features.length, "feature")} as model ${step.params.model}`;
    case "predictImplicit":
      return `find the ${step.params.topk} items of ${step.params.path} that go best with ${names("input")}`;
    case "queryEmbedding":
      return `look vectors of ${step.params.dimension} up by ${names("input")} in ${step.params.path}`;
    case "queryFaiss":
      return `find the ${step.params.topk} nearest in ${step.params.path}`;
    case "explode":
      return `make ${names("input")} the candidates of its row${step.inputs.with ? `, with ${names("with")}` : ""}`;
    case "fallback":
      return `take ${names("input")}, or the fallback's${step.params.within === undefined ? "" : ` after ${step.params.within} ms`} when that fails`;
    case "choose":
      return `take ${names("yes")} of the first branch where ${names("input")} holds, else of the second`;
    case "boost": {
      const { score, multiply, add, text } = step.params;
      return `${score}${multiply === 1 ? "" : ` · ${multiply}`}${add === 0 ? "" : ` ${add < 0 ? "−" : "+"} ${Math.abs(add)}`} where ${text}`;
    }
    case "filterCandidates":
      return [
        ...(step.inputs.filterOut ? [`drop candidates that are in ${names("filterOut")}`] : []),
        ...(step.inputs.seen ? [`drop candidates that the Bloom filter ${names("seen")} knows`] : []),
        ...(step.inputs.allow ? [`keep candidates that are in ${names("allow")}`] : []),
      ].join("; ");
    case "unrollFeatures":
      return `repeat ${names("unroll") || "nothing"} for each ${step.params.itemColumn}`;
    case "softmaxSampling":
      return step.params.mode === "greedy"
        ? `keep the ${step.params.topk} best by ${names("relevance")}`
        : `draw ${step.params.topk} by ${names("relevance")}, temperature ${step.params.temperature}`;
    case "topK":
      return `keep the ${step.params.topk} best by ${names("relevance")}`;
    case "mixScores":
      return Object.entries(step.params.weights)
        .map(([name, weight]) => `${weight} · ${step.params.scale === "none" ? name : `${step.params.scale}(${name})`}`)
        .join(" + ");
    case "limitPerGroup": {
      const { topk, max, atLeast } = step.params;
      const places = Object.entries(atLeast).map(([group, n]) => `, at least ${n} of ${group}`);
      return `keep the ${topk} best by ${names("relevance")}${max === undefined ? "" : `, at most ${max} per ${names("group")}`}${places.join("")}`;
    }
    case "diversify":
      return `keep ${step.params.topk} that are good by ${names("relevance")} and unlike by ${names("embedding")} (${step.params.method}, balance ${step.params.balance})`;
    case "fillMissing":
      return `put ${JSON.stringify(step.params.fillValue)} for null`;
    case "clip": {
      const { min, max } = step.params;
      return min === undefined
        ? `at most ${max}`
        : max === undefined
          ? `at least ${min}`
          : `keep within ${min} and ${max}`;
    }
    case "logOp":
      return "log(1 + x)";
    case "normalize":
      return "(x − mean) / standard deviation";
    case "categorify":
      return "encode as ids of the vocabulary";
    case "hashBucket":
      return `hash into ${step.params.numBuckets} buckets`;
    case "fillMedian":
      return "put the median for null";
    case "normalizeMinMax":
      return "(x − min) / (max − min)";
    case "hashedCross":
      return `hash ${step.params.groups.map(group => group.join(", ")).join(" and ")} together into ${step.params.numBuckets} buckets`;
    case "lambdaOp":
      return step.params.text;
    case "dropna":
      return "drop rows that lack a value";
    case "differenceLag":
      return `differ from ${step.params.shifts.map(n => `${Math.abs(n)} ${n > 0 ? "before" : "after"}`).join(" and ")} within ${names("partition")}`;
    case "groupby":
      return `one row for each ${step.params.by.join(", ")}`;
    case "joinExternal":
      return `join ${Object.keys(step.params.columns).join(", ")} of ${step.params.path} by ${step.params.on.join(", ")}`;
    case "columnSimilarity":
      return `${step.params.metric} similarity by ${step.params.features}`;
    case "reduceDtypeSize":
      return "store in fewer bytes";
    case "valueCount":
      return "note how long the lists are";
    case "median":
      return "note the median";
    case "dataStats":
      return "note what the data looks like";
    case "dropLowCardinality":
      return `drop columns of fewer than ${step.params.minCardinality} ids`;
    case "filter":
      return `keep rows where ${step.params.text}`;
    default:
      return Object.entries(step.params)
        .map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`)
        .join(", ");
  }
}
