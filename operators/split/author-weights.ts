/** The weights of arms as an author writes them → the share of each, and what is wrong with them. */

interface Fault {
  readonly problem: string;
  readonly way: string;
}

type Weights = Readonly<Record<string, number>> | undefined;

/** Decimal fractions do not sum to 1 exactly. */
const ROUNDING = 1e-9;

export const armWeights = {
  fault(names: readonly string[], weights: Weights): Fault | undefined {
    if (!weights) return undefined;
    const stray = Object.keys(weights).find(name => !names.includes(name));
    if (stray !== undefined)
      return {
        problem: `\`weights\` names \`${stray}\`, and the arms are ${names.map(name => `\`${name}\``).join(", ")}.`,
        way: "Name an arm that there is.",
      };
    const open = names.filter(name => !Object.hasOwn(weights, name));
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    if (open.length > 1)
      return {
        problem: `${open.map(name => `\`${name}\``).join(" and ")} have no weight.`,
        way: "Give each arm a weight, or leave one out, which then has the rest.",
      };
    if (open.length === 0 ? Math.abs(sum - 1) > ROUNDING : sum > 1 + ROUNDING)
      return {
        problem: `the weights sum to ${Number(sum.toPrecision(6))}.`,
        way: "Weights are shares of the keys: let them sum to 1, or leave one arm out, which then has the rest.",
      };
    return undefined;
  },

  /** @returns the share of each arm; they sum to 1 */
  of(names: readonly string[], weights: Weights): readonly number[] {
    if (!weights) return names.map(() => 1 / names.length);
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    const rest = Math.max(0, Number((1 - sum).toPrecision(12)));
    return names.map(name => (Object.hasOwn(weights, name) ? weights[name]! : rest));
  },
};
