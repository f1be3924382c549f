/** The plans that were served → the rule by which they drew the logged lists. */
import { exactDraw } from "../../contract/exact-draw.js";
import type { DrawRule } from "../../operators/shared/spec/facts.js";
import { invalid } from "../base/errors.js";
import { readServedPlans } from "./served-log.js";

/**
 * @param folders of the models that wrote the log, with all their versions
 * @throws RuntimeFault for plans that draw in several ways, or whose probabilities do not follow from one draw by score
 */
export async function loggedDraw(folders: readonly string[]): Promise<DrawRule> {
  const plans = (await Promise.all(folders.map(readServedPlans))).flat();
  const rules = plans.map(({ plan, version }) => {
    const draw = exactDraw(plan);
    if (!draw.exact)
      throw invalid(`version ${version} of \`${plan.name}\` has no single draw: ${draw.because}. ${draw.way}`);
    const { temperature, uniform } = draw;
    return { ...(temperature !== undefined && { temperature }), ...(uniform && { uniform }) };
  });
  const [first] = rules;
  if (rules.some(rule => JSON.stringify(rule) !== JSON.stringify(first)))
    throw invalid(
      "versions of the served model draw in different ways. Give a folder with the versions of the log alone, or `--logged-temperature`.",
    );
  return first!;
}
