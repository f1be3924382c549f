/**
 * The parameters of a user's function. Separate from the syntax they are read from. The declarations of `merlon` reach this file, and must
 * not import a TypeScript compiler's own into every check and every editor.
 */
import type { Range } from "../1-rewrite/spans.js";

/** A parameter: one name, or names taken out of a row. */
export interface Parameter<Otherwise = unknown> {
  readonly form: "name" | "columns";
  /** Column (or the parameter's own name) → the name it has inside. */
  readonly names: readonly ParameterName<Otherwise>[];
  readonly range: Range;
}
/** @typeParam Otherwise syntax of a default */
export interface ParameterName<Otherwise = unknown> {
  readonly column: string;
  readonly local: string;
  readonly otherwise?: Otherwise;
  readonly range: Range;
}
