/**
 * Keys and the arms' columns → each row's columns of the arm of its key. An arm that no row takes may be absent. A request may name the arm
 * of all its rows: parameter `arm`, or `arm.LABEL` with the step's label. Rows of an arm that its guardrail stopped take the first arm.
 */
import { steadyNow, systemClock } from "../../runtime/base/clock.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { ArmCounters, ArmOutcome, Kernel, RunContext } from "../../runtime/engine/schedule/kernel.js";
import { hashValues } from "../shared/kernel/pandas-hash.js";
import { philoxRun, uniform } from "../shared/kernel/philox.js";
import { takeSides } from "../shared/kernel/take-sides.js";
import { hashText } from "../shared/kernel/text-hash.js";
import { ArmGuard } from "./kernel-guard.js";
import { ARM_PORTS, type Arm } from "./spec.js";

/** The arms of one run, and the hashes of its keys if no parameter named an arm. */
interface Assigned {
  readonly taken: Int32Array;
  readonly hashes?: Int32Array;
}

export const split: Kernel<"split"> = {
  prepare: ({ id, label, params: { arms, salt, guardrail }, outputs }, { onNote, shareArm, clock = systemClock }) => {
    const makesRows = outputs.some(col => col.rows === id);
    const counters = arms.map(({ name }): ArmCounters => ({ name, rows: 0, failures: 0, isStopped: false }));
    const guards = guardrail
      ? arms.slice(1).map(({ name }, i) => {
          const stop = (reason: string | undefined): void => {
            counters[i + 1]!.isStopped = true;
            // The process that stopped it has said why.
            if (reason !== undefined)
              onNote?.(`arm \`${name}\` of \`${label}\` is stopped: ${reason}. Its users get \`${arms[0]!.name}\``);
          };
          return new ArmGuard(guardrail, stop, shareArm && (peer => shareArm(`${id} ${name}`, peer)), clock);
        })
      : [];
    /** The first arm in the place of stopped ones. */
    const withoutStopped = (taken: Int32Array): Int32Array => {
      const now = steadyNow(clock);
      for (const [i, guard] of guards.entries()) {
        const counter = counters[i + 1]!;
        const isStopped = guard.isStopped(now);
        if (counter.isStopped && !isStopped && !guard.isStoppedByOther)
          onNote?.(`arm \`${counter.name}\` of \`${label}\` is tried again`);
        counter.isStopped = isStopped;
      }
      return counters.some(({ isStopped }) => isStopped)
        ? taken.map(arm => (counters[arm]!.isStopped ? 0 : arm))
        : taken;
    };
    // An arm may be stopped between the choice of a run's branches and their end.
    const known = new WeakMap<Column, Assigned>();
    const assign = (keys: Column, { parameters }: Pick<RunContext, "parameters">): Assigned => {
      const given = parameters.size > 0 ? givenArm(parameters, label, arms) : undefined;
      if (given !== undefined) return { taken: new Int32Array(keys.rows.count).fill(given) };
      const hashes = hashValues(keys);
      return { taken: withoutStopped(assignHashes(hashes, arms, salt)), hashes };
    };
    const sides = (keys: Column, context: RunContext): Int32Array => {
      const assigned = assign(keys, context);
      known.set(keys, assigned);
      return assigned.taken;
    };
    const observe = (keys: Column, arm: number, outcome: ArmOutcome): void => {
      const { taken, hashes } = known.get(keys) ?? {};
      const row = taken?.indexOf(arm) ?? -1;
      // Requests that name their arm do not count, so that a client cannot fill the window of an arm of its choice.
      if (hashes && row >= 0) guards[arm - 1]?.note(numberOf(hashes, row), outcome, steadyNow(clock));
    };
    return {
      arms: counters,
      sides,
      ...(guards.length > 0 && { observe }),
      run: (inputs, context) => {
        const keys = inputs.input[0];
        const { taken } = known.get(keys) ?? assign(keys, context);
        for (const arm of taken) counters[arm]!.rows++;
        const branches = ARM_PORTS.slice(0, arms.length).map(port => inputs[port] ?? []);
        return takeSides(branches, taken, keys.rows, makesRows);
      },
    };
  },
};

/** 53 bits of the hash of a row's key. */
const numberOf = (hashes: Int32Array, row: number): number =>
  (hashes[2 * row]! >>> 0) * 2 ** 21 + (hashes[2 * row + 1]! >>> 11);

/** @returns the index of the arm that the request names, if it names one @throws RuntimeFault for a name that no arm has */
function givenArm(parameters: RunContext["parameters"], label: string, arms: readonly Arm[]): number | undefined {
  const name = parameters.has(`arm.${label}`) ? `arm.${label}` : "arm";
  const given = parameters.get(name);
  if (given === undefined) return undefined;
  const found = arms.findIndex(arm => arm.name === given);
  if (found >= 0) return found;
  const shown = typeof given === "bigint" ? given : JSON.stringify(given);
  throw invalid(
    `parameter '${name}' is ${shown.toString().slice(0, 100)}; the arms are ${arms.map(arm => `'${arm.name}'`).join(", ")}`,
  );
}

/**
 * Keys → arms, by weighted rendezvous: each arm of a key waits for an exponential time of rate `weight`, and the first one takes the key. The
 * probability of an arm is its share of the weights. The time is a function of key, salt and the arm's name alone. A key therefore changes
 * its arm only for an arm whose weight grew, or from an arm whose weight fell (Schindelhauer and Schomaker, 2005).
 * @returns the index of the arm of each key; all nulls are one key
 */
export const assignArms = (keys: Column, arms: readonly Arm[], salt: string): Int32Array =>
  assignHashes(hashValues(keys), arms, salt);

/** @param hashes of the keys, as `hashValues` returns them */
export function assignHashes(hashes: Int32Array, arms: readonly Arm[], salt: string): Int32Array {
  const assigned = new Int32Array(hashes.length / 2);
  const first = new Float64Array(assigned.length).fill(Number.POSITIVE_INFINITY);
  const drawn = new Int32Array(2);
  const saltHash = hashText(salt);
  for (const [arm, { name, weight }] of arms.entries()) {
    if (weight === 0) continue;
    const armHash = hashText(name);
    for (let row = 0; row < assigned.length; row++) {
      philoxRun(drawn, 1, hashes[2 * row]!, hashes[2 * row + 1]!, armHash, saltHash);
      const time = -Math.log(uniform(drawn[0]!, drawn[1]!)) / weight;
      if (time >= first[row]!) continue;
      first[row] = time;
      assigned[row] = arm;
    }
  }
  return assigned;
}
