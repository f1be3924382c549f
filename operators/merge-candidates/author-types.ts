/** The types of `mergeCandidates`: what its operands have to be, and the columns that it makes of them. */
import type { ColumnType, IsUnknown } from "../../compiler/dsl/column.js";
import type { AnyNode } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import type { METHODS, SCALES } from "./spec.js";

export type Operand = AnyNode | readonly AnyNode[];

export interface Options {
  readonly name?: string;
  readonly method?: (typeof METHODS)[number];
  readonly topk?: number;
  readonly names?: readonly string[];
  readonly scores?: string | Readonly<Record<string, string>>;
  readonly weights?: Readonly<Record<string, number>>;
  readonly k?: number;
  readonly normalize?: (typeof SCALES)[number];
  readonly quotas?: Readonly<Record<string, number>>;
  readonly floors?: Readonly<Record<string, number>>;
  readonly keepSource?: boolean;
  readonly within?: number | Readonly<Record<string, number>>;
}

type FloatColumn = `float16 ${string}` | `float32 ${string}` | `float64 ${string}` | `bfloat16 ${string}`;
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;

/** The column of ids among a source's: the only one, or the only one that is not a float. */
type IdOf<S extends string> =
  IsUnknown<S> extends true
    ? string
    : IsUnion<S> extends true
      ? IsUnion<Exclude<S, FloatColumn>> extends true
        ? string
        : Exclude<S, FloatColumn>
      : S;
type TypeOf<C extends string> = C extends `${infer T extends ColumnType} ${string}` ? T : string;
/** Whether a source has a score beside its ids; `boolean` if its columns are not known. */
type IsScored<S extends string> =
  IsUnknown<S> extends true
    ? boolean
    : IsUnion<S> extends true
      ? [Extract<S, FloatColumn>] extends [never]
        ? false
        : true
      : false;

/** Columns of each source but the left one, in order. */
type SourcesOf<A extends readonly unknown[]> = A extends readonly [infer F, ...infer R]
  ? F extends AnyNode
    ? [ColumnsOfNode<F>, ...SourcesOf<R>]
    : F extends readonly AnyNode[]
      ? [...SourcesOf<F>, ...SourcesOf<R>]
      : []
  : [];
type OptionsOf<A extends readonly unknown[]> = A extends readonly [...unknown[], infer L]
  ? L extends Operand
    ? Record<never, never>
    : L
  : Record<never, never>;

/** A sentence for each source whose ids have another type than the left ones. */
type OtherType<T extends string, S extends string> =
  IdOf<S> extends infer C extends string
    ? string extends T | C
      ? never
      : TypeOf<C> extends T
        ? never
        : `mergeCandidates takes ids of one type: the left ones are ${T}, and a source has "${C}"`
    : never;

type NameAt<O, I extends number> = O extends { readonly names: infer N extends readonly string[] }
  ? N[I] extends string
    ? N[I]
    : string
  : ["source1", "source2", "source3", "source4", "source5", "source6", "source7", "source8"][I];

/** `NAME_rank`, and `NAME_score` of sources with scores. */
type OwnColumns<O, All extends readonly string[]> = {
  [I in keyof All]: I extends `${infer N extends number}`
    ? `int32 ${NameAt<O, N>}_rank` | (true extends IsScored<All[I]> ? `float32 ${NameAt<O, N>}_score` : never)
    : never;
}[number];

type Made<O, T extends string, All extends readonly string[]> =
  | `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
  | (O extends { readonly keepSource: true }
      ?
          | "int32 source"
          | (O extends { readonly method: "rrf" | "weighted" | "max" } ? "float32 scores" : never)
          | OwnColumns<O, All>
      : never);

export interface MergeRule<A extends readonly unknown[]> extends Rule {
  readonly fault: OtherType<TypeOf<IdOf<this["S"]>>, SourcesOf<A>[number]>;
  readonly out: string extends IdOf<this["S"]>
    ? string
    : Made<OptionsOf<A>, TypeOf<IdOf<this["S"]>>, [this["S"], ...SourcesOf<A>]>;
}
