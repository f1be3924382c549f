/**
 * Group testing. Costs are not negative: if a group costs less than the smallest budget of its members, each of them holds its own.
 */
import { budgetOf, ratios } from "./budget.mjs";

/** Share of the smallest budget that a group may cost to hold without being split. */
const HELD = 0.8;
const MOST_MEMBERS = 32;
/** One request of this number is measured alone, as the climb needs to know its cost. */
const ALONE = 8;
/** A group that is costlier than this share of the last ones is split. */
const [USUAL, RECENT] = [0.95, 200];

/** @param cost of the whole group @returns whether each member holds */
export const isHeld = (cost, members) =>
  cost.answered &&
  members.every(({ built }) => {
    const { cpu, memory } = ratios(cost, built.charged, built.requests);
    return cpu <= HELD && memory <= HELD;
  });

/** Adapts the sizes of groups to the measured costs. */
export function createGroups(random) {
  /** Expected cost of a request by its budget, and the share of a budget to fill. */
  let expected = 0.1;
  let fill = HELD / 2;
  const recent = { cpu: [], memory: [] };
  const isOutlier = (kind, mean) => {
    const sorted = recent[kind].toSorted((a, b) => a - b);
    return sorted.length === RECENT && mean > sorted[Math.floor(USUAL * RECENT)];
  };
  return {
    /** Members with budgets alike are together: the smallest bounds the group. */
    pack(members) {
      const groups = [];
      let group = [];
      let [sum, room] = [0, 0];
      const sorted = members.toSorted((a, b) => budgetOf(a.built).micros - budgetOf(b.built).micros);
      for (const member of sorted) {
        if (random.below(ALONE) === 0) {
          groups.push([member]);
          continue;
        }
        const { micros } = budgetOf(member.built);
        if (group.length === 0) room = fill * micros;
        sum += expected * micros;
        group.push(member);
        if (group.length < 2 || (sum < room && group.length < MOST_MEMBERS)) continue;
        groups.push(group);
        group = [];
        sum = 0;
      }
      if (group.length > 0) groups.push(group);
      return groups;
    },
    /** Learns from a measurement. @returns whether a group costs unusually much for its size */
    learn(cost, members) {
      const total = { micros: 0, mb: 0 };
      for (const { built } of members) {
        const { micros, mb } = budgetOf(built);
        total.micros += micros;
        total.mb += mb;
      }
      const mean = { cpu: cost.micros / total.micros, memory: cost.grownMb / total.mb };
      expected += (Math.min(HELD, mean.cpu) - expected) / 32;
      if (members.length === 1) return false;
      const isUnusual = isOutlier("cpu", mean.cpu) || isOutlier("memory", mean.memory);
      for (const kind of ["cpu", "memory"]) {
        recent[kind].push(mean[kind]);
        if (recent[kind].length > RECENT) recent[kind].shift();
      }
      fill = Math.min(HELD, Math.max(0.2, fill * (isHeld(cost, members) ? 1.01 : 0.95)));
      return isUnusual;
    },
  };
}
