/** Candidates and their scores → the `topk` best of each user, best first; equal scores keep their order. */
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { keepLargest } from "../shared/kernel/keep-largest.js";
import { certain, orderCandidates, orderingNames } from "../shared/kernel/order-candidates.js";

export const topK: Kernel<"topK"> = {
  prepare: step => {
    const { topk, propensity } = step.params;
    const names = orderingNames(step);
    return {
      run: inputs =>
        orderCandidates(
          inputs,
          names,
          () => (scores, count) => keepLargest(scores, count, topk),
          propensity ? certain : undefined,
        ),
    };
  },
};
