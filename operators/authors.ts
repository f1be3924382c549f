/** Every operator's compile half. A kind without one is a compile error. */
import type { OpKind } from "../contract/op-params.js";
import { AUTHORS } from "./gen/authors.js";
import type { OpDefinition } from "./shared/author/define-op.js";

const CATALOGUE = AUTHORS satisfies { readonly [K in OpKind]: { readonly kind: K } };

/** The definition of a kind, its author type forgotten: the graph pass parses parameters with the same definition it infers with. */
export const opDefinition = (kind: OpKind): OpDefinition<OpKind, unknown> =>
  CATALOGUE[kind] as OpDefinition<OpKind, unknown>;
