/** The parts of an operator's step in a plan beside its author's parameters, as the specs declare them: fitted state and files. */
import type { z } from "zod";
import { SPECS } from "../operators/gen/specs.js";
import type { OperatorSpec } from "../operators/shared/spec/operator.js";
import type { ByPort, ByPortInRun, ByPortOfAuthor } from "../operators/shared/spec/ports.js";
import type { OpKind } from "./op-params.js";
import type { ColumnSchema } from "./schema.js";

type Specs = typeof SPECS;
type StateSchema<K extends OpKind> = NonNullable<Specs[K]["learns"]>["state"];
type ArtefactSchema<K extends OpKind> = NonNullable<Specs[K]["artefacts"]>;
type KindsWith<T extends Record<OpKind, unknown>> = { [K in OpKind]: [T[K]] extends [never] ? never : K }[OpKind];

/** Operators that learn. */
export type FittedOpKind = KindsWith<{ [K in OpKind]: StateSchema<K> }>;
/** The result of `merlon fit`, for the operators that learn. */
export type OpState = { [K in FittedOpKind]: Readonly<z.output<StateSchema<K>>> };
export const OP_STATE = Object.fromEntries(
  Object.entries(SPECS).flatMap(([kind, { learns }]) => (learns ? [[kind, learns.state]] : [])),
) as { readonly [K in FittedOpKind]: StateSchema<K> };
export const isFittedOp = (op: string): op is FittedOpKind => Object.hasOwn(OP_STATE, op);

type ArtefactOpKind = KindsWith<{ [K in OpKind]: ArtefactSchema<K> }>;
/** Files a step opens at load, for the operators that open some. */
export type OpArtefacts = { [K in ArtefactOpKind]: Readonly<z.output<ArtefactSchema<K>>> };

/** Columns by port, for each operator. */
export type PortColumns<C> = { readonly [K in OpKind]: ByPort<Specs[K]["ports"], C> };
export type PortColumnsInRun<C> = { readonly [K in OpKind]: ByPortInRun<Specs[K]["ports"], C> };
export type PortColumnsOfAuthor<C> = { readonly [K in OpKind]: ByPortOfAuthor<Specs[K]["ports"], C> };

type MadeBy<K extends OpKind> = NonNullable<Specs[K]["makes"]>;
/** Columns that a step makes, for each operator. */
export type OpOutputs = {
  readonly [K in OpKind]: [MadeBy<K>] extends [never]
    ? readonly ColumnSchema[]
    : MadeBy<K> extends 1
      ? readonly [ColumnSchema]
      : MadeBy<K> extends 2
        ? readonly [ColumnSchema, ColumnSchema]
        : MadeBy<K> extends (params: never) => 1 | 2
          ? readonly [ColumnSchema, ...ColumnSchema[]]
          : readonly ColumnSchema[];
};

/** The parts of an operator's spec that a plan is checked against. */
export const specOf = (op: OpKind): OperatorSpec => SPECS[op];
