/** Keeps what an operator computed, row by row. */

import { listNames } from "../../../compiler/diagnostics/diagnostic.js";
import { Op } from "../../../compiler/dsl/node.js";
import type { Rule } from "../../../compiler/dsl/rule.js";
import type { OpKind } from "../../../contract/op-params.js";
import { type StepCache, stepCache } from "../../../contract/plan.js";
import { isCacheable } from "../../../contract/step-facts.js";
import { namesOf } from "./columns.js";
import type { Inferred } from "./define-op.js";

export interface CacheOptions {
  /** How long a row's columns may be answered again, in seconds. */
  readonly ttlSeconds: number;
  /** Most rows kept; the least recently used is evicted. @default 100000 */
  readonly maxRows?: number;
  /** Input columns that a row is known by. Default: all that the operator reads. */
  readonly key?: readonly string[];
}

/**
 * Keeps the columns that an operator made for a row, and answers them again for a row with the same `key` within the time. Each row is
 * found or computed on its own, so a batch with one new row computes one row. Concurrent requests for the same row share one computation.
 * Errors are not cached. A cache starts empty with each load of the model, and is emptied when its ONNX model is reloaded. A changed
 * feature is visible after `ttlSeconds`. Hits and misses are in the metrics.
 *
 * For operators that process one row at a time: `queryFeast` (without `onMissing: "drop"`), `queryFaiss`, `queryEmbedding`, `predictOnnx`,
 * `predictForest`, `predictImplicit` and `transformWorkflow` (of workflows that keep their rows).
 * @stage
 * @param op the operator
 * @param options.ttlSeconds how long a row's columns may be answered again
 * @param options.maxRows most rows kept; the least recently used is evicted @default 100000
 * @param options.key input columns that a row is known by; default: all that the operator reads
 * @example user >> cached(predictOnnx("models/query_tower.onnx"), { ttlSeconds: 60, key: ["user_id"] })
 */
export const cached = <R extends Rule>(op: Op<R>, options: CacheOptions): Op<R> =>
  new Op(op.op, op.params, op.dependencies, options);

export const CACHE_WAY =
  'Write `cached(predictOnnx("models/query_tower.onnx"), { ttlSeconds: 60, key: ["user_id"] })`.';

/** @returns the cache of a step, or what is wrong with it, as a sentence about `cached` */
export function readCache(
  op: OpKind,
  given: unknown,
  { params, inputs, outputs, madeRows }: Inferred<OpKind>,
): StepCache | string {
  const parsed = stepCache.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return `\`${issue.path.join(".") || "the options"}\`: ${issue.message}.`;
  }
  const dropsRows = madeRows !== undefined && (op === "queryFeast" || op === "transformWorkflow");
  if (!isCacheable({ op, params }) || dropsRows)
    return `\`${op}\`${dropsRows ? " leaves rows out here, and" : ""} looks at several rows together, so no row can be kept.`;
  const names = namesOf(Object.values(inputs).flat());
  const strange = parsed.data.key?.find(name => !names.includes(name));
  if (strange !== undefined)
    return `\`key\` names \`${strange}\`, and \`${op}\` reads ${listNames(names)} to make ${listNames(outputs.map(c => c.name))}.`;
  return parsed.data;
}
