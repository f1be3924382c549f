/**
 * Requests of one batch → one run of the plan, and its columns → theirs: one search and one model call for all their users. Each gets what it
 * would get alone: its rows see no others, and are sampled with its own seed.
 */
import { Cancellable, type Cancellation } from "../../base/cancellation.js";
import { runsOf } from "../../base/columns/row-map.js";
import { type Column, childRows, type Rows, rootRows, type Values } from "../../base/columns/table.js";
import { internal, RuntimeFault } from "../../base/errors.js";
import type { BackendRequest } from "../contract.js";

/** Only requests without reports: a parameter or a trace that requests one gets a run of its own. */
export const mayShareRun = ({ parameters, trace }: BackendRequest): boolean => parameters.size === 0 && !trace;

/** Those that share a run: requests of ensembles may hold different versions of the models that the plan calls, and then run separately. */
export function byModels(
  requests: readonly BackendRequest[],
  asked: readonly string[],
  namespace: string | undefined,
): readonly BackendRequest[][] {
  const runs: BackendRequest[][] = [];
  for (const request of requests) {
    const { lease } = request;
    const like = runs.find(
      ([first]) => lease === first!.lease || (lease && first!.lease?.agrees(lease, asked, namespace)),
    );
    if (like) like.push(request);
    else runs.push([request]);
  }
  return runs;
}

/** A fault that may be one request's own: the others of its batch run again without it. */
export const mayBeOnes = (error: unknown): boolean =>
  !(error instanceof RuntimeFault) || (error.code !== "UNAVAILABLE" && error.code !== "CANCELLED");

/** Aborted when no caller waits any more; `release` removes its listeners. */
export function allGone(requests: readonly BackendRequest[]): { readonly signal?: Cancellation; release(): void } {
  const signals = requests.flatMap(({ signal }) => signal ?? []);
  if (signals.length < requests.length) return { release() {} };
  const gone = new Cancellable();
  const leave = (): void => {
    if (signals.every(({ aborted }) => aborted)) gone.abort();
  };
  for (const signal of signals) signal.addEventListener("abort", leave, { once: true });
  leave();
  return {
    signal: gone,
    release: () => {
      for (const signal of signals) signal.removeEventListener("abort", leave);
    },
  };
}

/** The columns of the request rows `from … to - 1`, and of rows made from those, as rows of a request of their own. */
export function columnsOfRows(
  columns: ReadonlyMap<string, Column>,
  request: Rows,
  from: number,
  to: number,
): { readonly columns: ReadonlyMap<string, Column>; readonly request: Rows } {
  const own = rootRows(to - from);
  const known = new Map<Rows, { readonly rows: Rows; readonly start: number }>([[request, { rows: own, start: from }]]);
  const rowsIn = (rows: Rows) => {
    const found = known.get(rows);
    if (found) return found;
    const offsets = runsOf(rows, request);
    if (!offsets) throw internal("the rows of an answer were not made from the request's");
    const made = { rows: childRows(own, rebased(offsets, from, to)), start: offsets[from]! };
    known.set(rows, made);
    return made;
  };
  return {
    request: own,
    columns: new Map(
      [...columns].map(([name, col]) => {
        const { rows, start } = rowsIn(col.rows);
        return [name, sliceColumn(col, start, rows)];
      }),
    ),
  };
}

function sliceColumn(col: Column, start: number, rows: Rows): Column {
  const { dtype, values, offsets, width, validity, listValidity } = col;
  const end = start + rows.count;
  const [first, last] = offsets ? [offsets[start]!, offsets[end]!] : [start * (width ?? 1), end * (width ?? 1)];
  return {
    dtype,
    rows,
    values: part(values, first, last),
    ...(offsets && { offsets: rebased(offsets, start, end) }),
    ...(width !== undefined && { width }),
    ...(validity && { validity: validity.subarray(first, last) }),
    ...(listValidity && { listValidity: listValidity.subarray(start, end) }),
  };
}

const part = (values: Values, first: number, last: number): Values =>
  Array.isArray(values) ? values.slice(first, last) : (values as Float64Array).subarray(first, last);

const rebased = (offsets: Int32Array, from: number, to: number): Int32Array => {
  const start = offsets[from]!;
  return offsets.subarray(from, to + 1).map(at => at - start);
};
