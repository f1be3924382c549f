/**
 * Operator → what runs it. An operator without a kernel does not compile.
 */
import type { OpKind } from "../contract/op-params.js";
import type { Kernel, PrepareStep } from "../runtime/engine/schedule/kernel.js";
import { KERNELS as CATALOGUE } from "./gen/kernels.js";

export const KERNELS = CATALOGUE satisfies { readonly [K in OpKind]: Kernel<K> };

/** Prepares a step with its operator's kernel. */
export const prepareKernel: PrepareStep = (step, context) =>
  (KERNELS[step.op] as Kernel<OpKind>).prepare(step, { ...context, prepareStep: prepareKernel });
