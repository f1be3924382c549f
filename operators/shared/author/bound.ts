/**
 * Columns that are available at some point of the graph.
 */
import type { ColumnRef } from "../../../contract/plan.js";
import type { ColumnSchema } from "../../../contract/schema.js";

/** A column that is available at some point of the graph, and who makes it. */
export interface Bound {
  readonly column: ColumnSchema;
  readonly ref: Pick<ColumnRef, "step" | "column">;
  /** Site index of the operator that made it; undefined for a source column. */
  readonly site?: number | undefined;
}

/** Columns in order, names unique. */
export type Scope = readonly Bound[];
