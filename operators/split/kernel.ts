/**
 * Keys and the arms' columns → each row's columns of the arm of its key. An arm that no row takes may be absent. A request may name the arm
 * of all its rows: parameter `arm`, or `arm.LABEL` with the step's label.
 */
import type { Column } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import type { ArmCounters, Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { takeSides } from "../shared/kernel/take-sides.js";
import { assignArms } from "./kernel-assign.js";
import { ARM_PORTS, type Arm } from "./spec.js";

export const split: Kernel<"split"> = {
  prepare: ({ id, label, params: { arms, salt }, outputs }) => {
    const makesRows = outputs.some(col => col.rows === id);
    const sides = (keys: Column, { parameters }: Pick<RunContext, "parameters">): Int32Array => {
      const given = parameters.size > 0 ? givenArm(parameters, label, arms) : undefined;
      return given === undefined ? assignArms(keys, arms, salt) : new Int32Array(keys.rows.count).fill(given);
    };
    const counters = arms.map(({ name }): ArmCounters => ({ name, rows: 0, failures: 0 }));
    return {
      arms: counters,
      sides,
      run: (inputs, context) => {
        const keys = inputs.input[0];
        const taken = sides(keys, context);
        for (const arm of taken) counters[arm]!.rows++;
        const branches = ARM_PORTS.slice(0, arms.length).map(port => inputs[port] ?? []);
        return takeSides(branches, taken, keys.rows, makesRows);
      },
    };
  },
};

/** @returns the index of the arm that the request names, if it names one @throws RuntimeFault for a name that no arm has */
function givenArm(parameters: RunContext["parameters"], label: string, arms: readonly Arm[]): number | undefined {
  const name = parameters.has(`arm.${label}`) ? `arm.${label}` : "arm";
  const given = parameters.get(name);
  if (given === undefined) return undefined;
  const found = arms.findIndex(arm => arm.name === given);
  if (found >= 0) return found;
  const shown = typeof given === "bigint" ? given : JSON.stringify(given);
  throw new RuntimeFault(
    "INVALID_ARGUMENT",
    `parameter '${name}' is ${shown.toString().slice(0, 100)}; the arms are ${arms.map(arm => `'${arm.name}'`).join(", ")}`,
  );
}
