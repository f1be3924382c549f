/**
 * Features that a repository holds instead of a store: which views, as of when, how large, and how to take them again.
 */
import type { FeastTables } from "../../../contract/feast-tables.js";
import type { Step } from "../../../contract/plan.js";
import { LoweringFault } from "../../../operators/shared/onnx/lowering.js";

export interface FrozenView {
  readonly step: string;
  readonly view: string;
  readonly entities: number;
  readonly features: number;
  /** The size of the tables in the graph. */
  readonly bytes: number;
  /**
   * The time of the features: the build's date, else the store's newest event, so that equal stores make equal files. Also the view's
   * newest and oldest event: ISO 8601, null if the store has none.
   */
  readonly taken: string;
  readonly newest: string | null;
  readonly oldest: string | null;
  readonly ttlSeconds: number | null;
  /** When its newest value is older than the ttl; null where values never grow old. */
  readonly expires: string | null;
}

/**
 * @param date the build's date in seconds since 1970 @throws LoweringFault for a view whose values are all older than its ttl, which would
 * never be served
 */
export function frozenViews(
  program: string,
  step: Step<"queryFeast">,
  tables: FeastTables,
  date: number | undefined,
): FrozenView[] {
  const events = tables.views.flatMap(({ newest }) => newest ?? []);
  const taken = date ?? (events.length > 0 ? Math.max(...events) : tables.taken);
  const iso = (seconds: number | null): string | null =>
    seconds === null ? null : new Date(seconds * 1000).toISOString();
  return tables.views.map(({ view, entities, features, ttlSeconds, newest, oldest }): FrozenView => {
    if (ttlSeconds !== null && newest !== null && newest + ttlSeconds < tables.taken)
      throw new LoweringFault(
        `step \`${step.label}\` (queryFeast): the newest value of view \`${view}\` is of ${iso(newest)}, older than its ttl of ${ttlSeconds} s. Frozen for \`${program}\`, every feature would be missing`,
        "Materialize the view again (`merlon feast materialize`), or leave `ttl` out.",
      );
    return {
      step: step.label,
      view,
      entities,
      features: features.length,
      bytes: features.reduce((sum, { values }) => sum + sizeOf(values), 0),
      taken: iso(taken)!,
      newest: iso(newest),
      oldest: iso(oldest),
      ttlSeconds,
      expires: ttlSeconds === null || newest === null ? null : iso(newest + ttlSeconds),
    };
  });
}

const sizeOf = (values: ArrayLike<unknown>): number =>
  ArrayBuffer.isView(values)
    ? values.byteLength
    : Array.from(values as readonly string[]).reduce((sum, text) => sum + text.length, 0);

export const printFrozen = (views: readonly FrozenView[]): string =>
  `${JSON.stringify({ format: "merlon/frozen", version: 1, views, refresh: "merlon build PROGRAM.ensemble.ts --target triton --out REPOSITORY" }, null, 2)}\n`;
