/**
 * Keys → arms, by weighted rendezvous: each arm of a key waits for an exponential time of rate `weight`, and the first one takes the key. The
 * probability of an arm is its share of the weights. The time is a function of key, salt and the arm's name alone. A key therefore changes
 * its arm only for an arm whose weight grew, or from an arm whose weight fell (Schindelhauer and Schomaker, 2005).
 */
import type { Column } from "../../runtime/base/columns/table.js";
import { hashValues } from "../shared/kernel/pandas-hash.js";
import { philoxRun, uniform } from "../shared/kernel/philox.js";
import { hashText } from "../shared/kernel/text-hash.js";
import type { Arm } from "./spec.js";

/** @returns the index of the arm of each key; all nulls are one key */
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
