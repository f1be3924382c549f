/**
 * An ensemble's type → the type of the model that it compiles to, from the columns that a request brings and those that it answers with.
 * Unknown types stay open: columns that an artefact decides. If a response has lists without a bound, it is also open whether a column has
 * one value per row or candidates. `merlon typegen --model-repository` has the exact model.
 */
import type { DType, WireOf } from "../../triton-protos/datatype.js";
import type { ModelType, ModelTypes } from "./model-types.js";

/** The shape of the default export of an `*.ensemble.ts` file: the client must not load the compiler. */
export interface EnsembleLike {
  readonly kind: "ensemble";
  readonly name: string;
  readonly output: { readonly columns: string; readonly asked: string };
}

/** Models by name, from models or from an ensemble. */
export type ModelsOf<T> = T extends EnsembleLike
  ? { readonly [N in T["name"]]: EntryOf<T["output"]["columns"], T["output"]["asked"]> }
  : T extends ModelTypes
    ? T
    : ModelTypes;

/** The model of an ensemble that answers the columns C from a request of the columns A. */
export interface EntryOf<C extends string, A extends string> extends ModelType {
  readonly inputs: string extends A ? ModelType["inputs"] : Inputs<A, IsBatched<C | A>>;
  readonly outputs: string extends C ? ModelType["outputs"] : Outputs<C, IsBatched<C | A>>;
}

/** A list without a bound does not fit into `[batch, …]`; the model has no batch dimension then. */
type IsBatched<C extends string> = [Extract<C, `list<${string}`>] extends [never] ? true : false;

type Wire<D extends string> = D extends DType ? WireOf<D> : never;
type NameOf<C> = C extends `${string} ${infer N}` ? N : never;
type ListName<C> = C extends `list<${string}> ${infer N}` ? N : never;
type PlainName<C> = C extends `list<${string}` ? never : NameOf<C>;

/** A column with one value, or a fixed number of them, a row. */
type Own<C, B extends boolean, One extends number> = C extends `${infer D}[${infer W extends number}] ${string}`
  ? { readonly datatype: Wire<D>; readonly shape: readonly [-1, W] }
  : C extends `${infer D} ${string}`
    ? { readonly datatype: Wire<D>; readonly shape: B extends true ? readonly [-1, One] : readonly [-1] }
    : never;
type Values<C> = C extends `list<${infer D}> ${string}`
  ? Flat<Wire<D>>
  : C extends `${infer D} ${string}`
    ? Flat<Wire<D>>
    : never;
interface Flat<D> {
  readonly datatype: D extends WireOf<DType> ? D : never;
  readonly shape: readonly [-1];
}
type Optional<T> = T & { readonly optional: true };

type Lists<C extends string> = {
  readonly [K in C as `${ListName<K>}__values`]: Values<K>;
} & { readonly [K in C as `${ListName<K>}__offsets`]: Flat<"INT32"> };

type Inputs<C extends string, B extends boolean> = { readonly [K in C as PlainName<K>]: Own<K, B, 1> } & Lists<C>;

type Outputs<C extends string, B extends boolean> = B extends true
  ? { readonly [K in C as PlainName<K>]: Own<K, true, -1> }
  : { readonly [K in C as PlainName<K>]: Optional<Own<K, false, -1>> } & {
      readonly [K in C as `${PlainName<K>}__values`]: Optional<Values<K>>;
    } & { readonly [K in C as `${PlainName<K>}__offsets`]: Optional<Flat<"INT32">> } & Lists<C>;
