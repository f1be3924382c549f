/**
 * Tensors of a request on its way through an ensemble, and of each answer that a decoupled step sets off.
 */
import type { Tensor } from "../../../base/tensor.js";

/** A tensor and whether its first dimension is a batch; `null` for one without a producer. */
export type Slot = { readonly tensor: Tensor; readonly batched: boolean } | null;

/** Tensors that belong to the request, or to one answer of a decoupled step. */
export interface Scope {
  readonly origin: number;
  readonly parent?: Scope;
  readonly slots: Map<string, Slot>;
  /** By the steps' indices. */
  readonly started: boolean[];
  readonly children: Scope[];
  answered: boolean;
}

export const newScope = (origin: number, parent?: Scope): Scope => ({
  origin,
  ...(parent && { parent }),
  slots: new Map(),
  started: [],
  children: [],
  answered: false,
});

/** A tensor of the scope or of one around it; undefined where it has not been made. */
export function find(scope: Scope, tensor: string): Slot | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const slot = at.slots.get(tensor);
    if (slot !== undefined) return slot;
  }
  return undefined;
}
