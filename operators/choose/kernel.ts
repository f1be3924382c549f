/** A flag per row and two branches' columns → each row's columns of the branch that its flag says. A branch that no row takes may be absent. */
import { flags } from "../../runtime/base/columns/flags.js";
import type { Column } from "../../runtime/base/columns/table.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { takeSides } from "../shared/kernel/take-sides.js";

export const choose: Kernel<"choose"> = {
  prepare: step => {
    const makesRows = step.outputs.some(col => col.rows === step.id);
    return {
      sides: sidesOfFlags,
      run: ({ input: [condition], yes, no }) =>
        takeSides([yes ?? [], no ?? []], sidesOfFlags(condition), condition.rows, makesRows),
    };
  },
};

const sidesOfFlags = (condition: Column): Uint8Array => flags(condition).map(flag => 1 - flag);
