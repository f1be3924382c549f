/** Every operator's ONNX half, or the decision that it has none. An operator without either does not compile. */
import type { OpKind } from "../contract/op-params.js";
import { LOWERINGS as CATALOGUE } from "./gen/lowerings.js";
import type { Lowering, NotLowered } from "./shared/onnx/lowering.js";

export const LOWERINGS = CATALOGUE satisfies { readonly [K in OpKind]: Lowering<K> | NotLowered } as {
  readonly [K in OpKind]: Lowering<K> | NotLowered;
};
