/**
 * Boxes and links → layers from the top down, each an ordered row of boxes and bundles. Bundles are the places where links to lower layers pass.
 */

export interface Box {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

export interface Link {
  readonly from: string;
  readonly to: string;
}

/** A box, or a bundle without a height. */
export interface Item {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly isBox: boolean;
}

export interface Layers {
  readonly rows: readonly (readonly Item[])[];
  /** By link, the items it passes, one per layer, from its source to its target. */
  readonly ways: readonly (readonly Item[])[];
  readonly layerOf: ReadonlyMap<string, number>;
  /** Layers that were added to wrap wide ones. */
  readonly wrapped: number;
}

const BUNDLE_WIDTH = 4;
const SWEEPS = 8;

/** @param boxes each after those that it reads @param most boxes of a layer; the others are in layers below */
export function layer(boxes: readonly Box[], links: readonly Link[], most: number): Layers {
  const depths = sinkLoose(boxes, links, longestPaths(boxes, links));
  const layerOf = wrapLayers(boxes, depths, most);
  const rows: Item[][] = Array.from({ length: Math.max(...layerOf.values()) + 1 }, () => []);
  const items = new Map<string, Item>();
  const itemAt = (at: number, item: Item): Item => {
    const known = items.get(item.key);
    if (known) return known;
    items.set(item.key, item);
    rows[at]!.push(item);
    return item;
  };
  for (const { id, width, height } of boxes) itemAt(layerOf.get(id)!, { key: boxKey(id), width, height, isBox: true });
  const bundleOf = bundles(links);
  const ways = links.map((link, i) => {
    const [first, last] = [layerOf.get(link.from)!, layerOf.get(link.to)!];
    const between = Array.from({ length: last - first - 1 }, (_, n) => {
      const at = first + 1 + n;
      return itemAt(at, { key: `${at} ${bundleOf[i]}`, width: BUNDLE_WIDTH, height: 0, isBox: false });
    });
    return [items.get(boxKey(link.from))!, ...between, items.get(boxKey(link.to))!];
  });
  return { rows: order(rows, ways), ways, layerOf, wrapped: rows.length - new Set(depths.values()).size };
}

export const boxKey = (id: string): string => `box ${id}`;

/** Ids → the length of the longest way from a box that reads no other. */
function longestPaths(boxes: readonly Box[], links: readonly Link[]): Map<string, number> {
  const sources = group(links, "to");
  const depths = new Map<string, number>();
  for (const { id } of boxes)
    depths.set(id, Math.max(0, ...(sources.get(id) ?? []).map(({ from }) => depths.get(from)! + 1)));
  return depths;
}

/** A box that reads at most one other moves down to its readers. */
function sinkLoose(boxes: readonly Box[], links: readonly Link[], depths: Map<string, number>): Map<string, number> {
  const [sources, readers] = [group(links, "to"), group(links, "from")];
  for (const { id } of boxes.toReversed()) {
    const lowest = Math.min(...(readers.get(id) ?? []).map(({ to }) => depths.get(to)! - 1));
    const reads = sources.get(id)?.length ?? 0;
    if (reads === 1 && Number.isFinite(lowest)) depths.set(id, lowest);
  }
  return depths;
}

function wrapLayers(boxes: readonly Box[], depths: ReadonlyMap<string, number>, most: number): Map<string, number> {
  const layers: string[][] = Array.from({ length: Math.max(...depths.values()) + 1 }, () => []);
  for (const { id } of boxes) layers[depths.get(id)!]!.push(id);
  const layerOf = new Map<string, number>();
  let at = 0;
  for (const ids of layers) {
    if (ids.length === 0) continue;
    const count = Math.ceil(ids.length / most);
    const each = Math.ceil(ids.length / count);
    for (const [i, id] of ids.entries()) layerOf.set(id, at + Math.floor(i / each));
    at += count;
  }
  return layerOf;
}

/** By link, the name of its bundle: of its target if that reads more boxes than read the source. */
function bundles(links: readonly Link[]): readonly string[] {
  const [into, from] = [group(links, "to"), group(links, "from")];
  return links.map(link =>
    into.get(link.to)!.length > from.get(link.from)!.length ? `to ${link.to}` : `from ${link.from}`,
  );
}

function group(links: readonly Link[], end: "from" | "to"): ReadonlyMap<string, readonly Link[]> {
  const groups = new Map<string, Link[]>();
  for (const link of links) {
    const known = groups.get(link[end]);
    if (known) known.push(link);
    else groups.set(link[end], [link]);
  }
  return groups;
}

/** Orders each layer by the middle of its items' neighbors, above and below in turns, and keeps the order with the fewest crossings. */
function order(rows: readonly (readonly Item[])[], ways: Layers["ways"]): readonly (readonly Item[])[] {
  const { above, below } = neighbors(ways);
  let now = rows.map(row => [...row]);
  let [best, fewest] = [now, countCrossings(now, below)];
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const down = sweep % 2 === 0;
    const next = now.map(row => [...row]);
    for (let n = 1; n < next.length; n++) {
      const at = down ? n : next.length - 1 - n;
      const fixed = new Map(next[down ? at - 1 : at + 1]!.map((item, i) => [item, i]));
      const middle = (item: Item, i: number): number => {
        const places = ((down ? above : below).get(item) ?? []).map(other => fixed.get(other)!);
        return places.length === 0 ? i : places.reduce((sum, place) => sum + place, 0) / places.length;
      };
      const middles = new Map(next[at]!.map((item, i) => [item, middle(item, i)]));
      next[at]!.sort((a, b) => middles.get(a)! - middles.get(b)!);
    }
    now = next;
    const crossings = countCrossings(now, below);
    if (crossings < fewest) [best, fewest] = [now, crossings];
  }
  return best;
}

type Neighbors = ReadonlyMap<Item, readonly Item[]>;

/** The items that are linked to these in the layers next to theirs. */
export function neighbors(ways: Layers["ways"]): { readonly above: Neighbors; readonly below: Neighbors } {
  const [above, below] = [new Map<Item, Item[]>(), new Map<Item, Item[]>()];
  const add = (map: Map<Item, Item[]>, from: Item, to: Item): void => {
    const known = map.get(from);
    if (!known) map.set(from, [to]);
    else if (!known.includes(to)) known.push(to);
  };
  for (const way of ways)
    for (let i = 1; i < way.length; i++) {
      add(above, way[i]!, way[i - 1]!);
      add(below, way[i - 1]!, way[i]!);
    }
  return { above, below };
}

function countCrossings(rows: readonly (readonly Item[])[], below: Neighbors): number {
  let crossings = 0;
  for (let at = 1; at < rows.length; at++) {
    const places = new Map(rows[at]!.map((item, i) => [item, i]));
    const ends = rows[at - 1]!.map(item => (below.get(item) ?? []).map(other => places.get(other)!));
    for (const [i, left] of ends.entries())
      for (const right of ends.slice(i + 1)) for (const a of left) for (const b of right) if (a > b) crossings++;
  }
  return crossings;
}
