/** Logs of simulated clicks whose true values are known by enumeration: position-based, cascade and independent ones. Equal seeds make equal logs. */
import type { ClusteredLog } from "#runtime/evaluation/evaluate.js";
import { draw, everyList, marginals, repeatable, type World } from "./worlds.js";

const ITEMS = 6;
const CONTEXTS = 4;

/** Probability that the item at place `k` is clicked, given the clicks above it. */
export type Clicks = (attraction: readonly number[], items: readonly number[], k: number, clicked: boolean) => number;

/** Examination of positions, for position-based clicks. */
const EXAMINED = [1, 0.6, 0.35, 0.2];

export const CLICKS = {
  /** Depend on the item alone. */
  independent: (attraction, items, k) => attraction[items[k]!]!,
  /** Depend on the item and its position. */
  "position-based": (attraction, items, k) => EXAMINED[k]! * attraction[items[k]!]!,
  /** The user reads down to the first click. */
  cascade: (attraction, items, k, clicked) => (clicked ? 0 : attraction[items[k]!]!),
  /** An item loses by a better one below it, which no estimator but those of whole lists allows. */
  list: (attraction, items, k) =>
    attraction[items[k]!]! * (items.some((other, j) => j > k && attraction[other]! > attraction[items[k]!]!) ? 0.4 : 1),
} as const satisfies Readonly<Record<string, Clicks>>;

interface Context {
  readonly attraction: readonly number[];
  readonly logged: World["lists"];
  readonly evaluated: World["lists"];
  /** Marginal probabilities of both policies [position][item]. */
  readonly marginal: { readonly propensity: readonly number[][]; readonly policy: readonly number[][] };
}

export interface ClickWorld {
  readonly length: number;
  readonly contexts: readonly Context[];
}

/** Policies that prefer items by their attraction with noise, the evaluated one by less of it. @param shift how far apart they are */
export function clickWorld(length: number, shift: number, seed = 1): ClickWorld {
  const random = repeatable(seed);
  const contexts = Array.from({ length: CONTEXTS }, (): Context => {
    const attraction = Array.from({ length: ITEMS }, () => 0.05 + 0.5 * random());
    const noise = attraction.map(() => random() - 0.5);
    const weights = (strength: number) => attraction.map((a, i) => Math.exp(2 * noise[i]! + strength * a));
    const [logged, evaluated] = [everyList(weights(1), length), everyList(weights(1 + shift), length)];
    return {
      attraction,
      logged,
      evaluated,
      marginal: { propensity: marginals(logged, ITEMS, length), policy: marginals(evaluated, ITEMS, length) },
    };
  });
  return { length, contexts };
}

/** The expected clicks of a list. */
function expectedClicks(attraction: readonly number[], items: readonly number[], clicks: Clicks): number {
  let [total, without] = [0, 1];
  for (let k = 0; k < items.length; k++) {
    const [fresh, after] = [clicks(attraction, items, k, false), clicks(attraction, items, k, true)];
    total += without * fresh + (1 - without) * after;
    without *= 1 - fresh;
  }
  return total;
}

/** The evaluated policy's expected clicks of a list. */
export const trueValue = ({ contexts }: ClickWorld, clicks: Clicks): number =>
  contexts.reduce(
    (sum, { attraction, evaluated }) =>
      sum +
      evaluated.reduce((v, { items, probability }) => v + probability * expectedClicks(attraction, items, clicks), 0),
    0,
  ) / contexts.length;

export function clickLog({ contexts, length }: ClickWorld, clicks: Clicks, lists: number, seed: number): ClusteredLog {
  const random = repeatable(seed);
  const rows = lists * length;
  const floats = () => new Float64Array(rows);
  const [reward, propensity, policy] = [floats(), floats(), floats()];
  const marginal = { propensity: floats(), policy: floats() };
  const model = { logged: floats(), expected: floats() };
  for (let l = 0; l < lists; l++) {
    const { attraction, logged, evaluated, marginal: own } = contexts[Math.floor(random() * contexts.length)]!;
    const at = draw(
      logged.map(({ probability }) => probability),
      random(),
    );
    const [{ items, steps }, { steps: other }] = [logged[at]!, evaluated[at]!];
    let clicked = false;
    for (let k = 0; k < length; k++) {
      const i = l * length + k;
      const isClick: boolean = random() < clicks(attraction, items, k, clicked);
      clicked ||= isClick;
      reward[i] = Number(isClick);
      propensity[i] = steps[k]!;
      policy[i] = other[k]!;
      marginal.propensity[i] = own.propensity[k]![items[k]!]!;
      marginal.policy[i] = own.policy[k]![items[k]!]!;
      // A poor model: every item of a position is alike.
      model.logged[i] = model.expected[i] = 0.2;
    }
  }
  return {
    starts: Int32Array.from({ length: lists + 1 }, (_, l) => l * length),
    clusterOf: Int32Array.from({ length: lists }, (_, l) => l),
    ...{ reward, propensity, policy, marginal, model },
  };
}
