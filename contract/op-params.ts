/**
 * The author's parameters of each operator's step in a plan, as the operators' specs declare them. Ports, fitted state, and the files
 * beside are in op-state.ts.
 */
import type { z } from "zod";
import { SPECS } from "../operators/gen/specs.js";

export { AGGREGATIONS, padding } from "../operators/shared/spec/params.js";

/** Author's parameters per operator. */
export const OP_PARAMS = Object.fromEntries(Object.entries(SPECS).map(([kind, { params }]) => [kind, params])) as {
  readonly [K in keyof typeof SPECS]: (typeof SPECS)[K]["params"];
};

export type OpKind = keyof typeof OP_PARAMS;
export const OP_KINDS = Object.keys(OP_PARAMS) as OpKind[];

/** Parameters of one operator, defaults filled in. */
export type OpParams = { [K in OpKind]: Readonly<z.output<(typeof OP_PARAMS)[K]>> };
/** Parameters as an author writes them: everything with a default may be left out. */
export type OpParamsInput = { [K in OpKind]: Readonly<z.input<(typeof OP_PARAMS)[K]>> };
