/**
 * An ensemble's type → the type of the model that it compiles to.
 */
import type { ModelType, ModelTypes } from "./model-types.js";

/** What the default export of an `*.ensemble.ts` file looks like from here: the client must not load the compiler. */
export interface EnsembleLike {
  readonly kind: "ensemble";
  readonly name: string;
}

/** Models by name, from models or from an ensemble. */
export type ModelsOf<T> = T extends EnsembleLike
  ? { readonly [N in T["name"]]: ModelType }
  : T extends ModelTypes
    ? T
    : ModelTypes;
