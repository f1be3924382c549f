/** Several element-wise steps as one. No author writes it: `fuseElementwise` makes it, when all is inferred. */
import { OP_PARAMS } from "../../contract/op-params.js";
import { defineOp } from "../shared/author/define-op.js";

export const fusedOp = defineOp({
  kind: "fused",
  params: OP_PARAMS.fused,
  infer: () => undefined,
});
