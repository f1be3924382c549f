/**
 * Which of the queued jobs run together: queue → the jobs of the next batch, or how long to wait for more. Triton's rules.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { BackendRequest } from "../contract.js";
import type { Job } from "./job.js";

export interface BatchRules {
  readonly max: number;
  /** Sizes that run at once. */
  readonly preferred: ReadonlySet<number>;
  readonly largestPreferred: number;
  /** Nanoseconds that the oldest job may wait for others; 0 for not at all. */
  readonly delay: number;
  mayJoin(first: BackendRequest, other: BackendRequest): boolean;
}

export function batchRules(config: ModelConfig, preferred: readonly number[], delayMicroseconds: number): BatchRules {
  const max = Math.max(1, config.max_batch_size);
  const sizes = preferred.length > 0 ? preferred : [max];
  const ragged = new Set(config.input.filter(input => input.allow_ragged_batch).map(({ name }) => name));
  return {
    max,
    preferred: new Set(sizes),
    largestPreferred: sizes.reduce((most, size) => Math.max(most, size)),
    delay: delayMicroseconds * 1000,
    mayJoin: (first, other) => sameShapes(first, other, ragged),
  };
}

/**
 * @param mayJoin of the jobs, where more than their requests decides
 * @returns the batch, or the nanoseconds until the queue should be looked at again
 */
export function chooseBatch(
  queued: Iterable<Job>,
  rules: BatchRules,
  at: number,
  mayJoin = (first: Job, other: Job): boolean => rules.mayJoin(first.request, other.request),
): readonly Job[] | number {
  const batch: Job[] = [];
  let rows = 0;
  /** Length of `batch` at the best size so far. */
  let mark = 0;
  let full = false;
  for (const job of queued) {
    const next = job.request.batch;
    if (batch.length > 0) {
      if (rows + next > rules.largestPreferred && mark === 0) mark = batch.length;
      full = rows + next > rules.max || !mayJoin(batch[0]!, job);
      if (full) break;
    }
    batch.push(job);
    rows += next;
    if (rules.preferred.has(rows)) mark = batch.length;
    if (rows >= rules.max) break;
  }
  const oldest = batch.reduce((least, job) => Math.min(least, job.arrived), at);
  const late = rules.delay > 0 && at - oldest >= rules.delay;
  if (mark > 0 && !late) return batch.slice(0, mark);
  if (full || rows >= rules.largestPreferred || late || rules.delay === 0) return batch;
  return rules.delay - (at - oldest);
}

/** Rows can share a tensor if both requests have the same inputs with the same shape of a row. */
function sameShapes(a: BackendRequest, b: BackendRequest, ragged: ReadonlySet<string>): boolean {
  if (a.inputs.size !== b.inputs.size) return false;
  for (const [name, tensor] of a.inputs) {
    const other = b.inputs.get(name);
    if (!other || other.shape.length !== tensor.shape.length) return false;
    if (ragged.has(name)) continue;
    for (let i = 1; i < tensor.shape.length; i++) if (tensor.shape[i] !== other.shape[i]) return false;
  }
  return true;
}
