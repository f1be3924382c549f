/**
 * Sources side by side: each candidate is compared with each. Its rank in a source is the smallest rank of an equal id there, and the
 * place where an id ranks best stands for it.
 */
import {
  add,
  and,
  cast,
  concat,
  equal,
  expand,
  gatherElements,
  int64,
  less,
  min,
  mul,
  not,
  range,
  scalar,
  topK,
  unsqueeze,
  where,
} from "../../compiler/onnx/elementary.js";
import type { GraphBuilder, Value } from "../../compiler/onnx/graph-builder.js";
import { asGrid, grid, type LoweredColumn, nulls, toFloat64 } from "../shared/onnx/lowered-column.js";

/** A source of `width` places for each user. */
interface Source {
  readonly ids: LoweredColumn;
  /** [users, width] */
  readonly grid: Value;
  /** bool[users, width]: places that are taken by an id that is not null. */
  readonly alive: Value;
  /** int64[users, width] */
  readonly ranks: Value;
  /** float64[users, width] */
  readonly scores: Value | undefined;
}

/** The places of all sources side by side, and the rank and score that each source has for the id there. */
export interface Places {
  readonly count: Value;
  /** bool[users, places]: one place of each id. */
  readonly stands: Value;
  /** int64[users, places]: rises in the order of first appearance. */
  readonly keys: Value;
  /** int64[users, places] */
  readonly owners: Value;
  readonly of: readonly FoundBy[];
}

export interface FoundBy {
  /** bool[users, places] */
  readonly found: Value;
  /** int64[users, places] */
  readonly rank: Value;
  /** float64[users, places] */
  readonly score: Value | undefined;
}

/** Beyond every rank and key. */
export const NOWHERE = 2n ** 40n;

export function sourceOf(g: GraphBuilder, ids: LoweredColumn, scores: LoweredColumn | undefined): Source {
  const { rows } = ids;
  const whole = grid(g, rows);
  const missing = nulls(g, ids);
  const known = missing && asGrid(g, not(g, missing), rows);
  const alive = rows.mask && known ? and(g, rows.mask, known) : (rows.mask ?? known);
  // Places that a filter has emptied have no rank.
  const ranks =
    rows.mask && !rows.packed
      ? g.op("CumSum", [cast(g, rows.mask, "int64"), scalar(g, "int64", 1n)], "int64")
      : expand(g, add(g, unsqueeze(g, range(g, rows.width!), 0), int64(g, 1)), whole);
  return {
    ids,
    grid: asGrid(g, ids.values, rows),
    alive: alive ?? expand(g, scalar(g, "bool", true), whole),
    ranks,
    scores: scores && asGrid(g, toFloat64(g, scores), rows),
  };
}

export function placesOf(g: GraphBuilder, sources: readonly Source[]): Places {
  const side = (of: (source: Source, s: number) => Value): Value => concat(g, sources.map(of), 1);
  const [ids, alive, ranks] = [side(one => one.grid), side(one => one.alive), side(one => one.ranks)];
  const owners = side((one, s) => expand(g, int64(g, s), grid(g, one.ids.rows)));
  const nowhere = scalar(g, "int64", NOWHERE);
  const of = sources.map((source): FoundBy => {
    const same = and(
      g,
      equal(g, unsqueeze(g, ids, 2), unsqueeze(g, source.grid, 1)),
      and(g, unsqueeze(g, alive, 2), unsqueeze(g, source.alive, 1)),
    );
    const first = topK(g, where(g, same, unsqueeze(g, source.ranks, 1), nowhere), int64(g, 1), false);
    const squeeze = (value: Value): Value => g.op("Squeeze", [value, int64(g, 2)], value.dtype);
    const rank = squeeze(first.values);
    const found = less(g, rank, nowhere);
    const score =
      source.scores &&
      where(g, found, gatherElements(g, source.scores, squeeze(first.at)), scalar(g, "float64", Number.NaN));
    return { found, rank, score };
  });
  const width = int64(g, sources.length);
  const keyOf = (rank: Value, s: Value): Value => add(g, mul(g, rank, width), s);
  const best = of
    .map(({ found, rank }, s) => where(g, found, keyOf(rank, int64(g, s)), nowhere))
    .reduce((a, b) => min(g, a, b));
  const own = keyOf(ranks, owners);
  const stands = and(g, alive, equal(g, own, best));
  return {
    count: sources.map(({ ids }) => ids.rows.width!).reduce((a, b) => add(g, a, b)),
    stands,
    keys: where(g, stands, own, nowhere),
    owners,
    of,
  };
}
