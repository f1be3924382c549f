/**
 * Boxes and their links → places: layers from the top down. Wide layers are wrapped, and tall stacks are folded into bands side by side, so that
 * as much as possible is readable without scrolling.
 */
import { type Box, boxKey, type Item, type Layers, type Link, layer, neighbors } from "./layers.js";

/** A box in its place; x and y are its top left corner. */
export interface Placed extends Box {
  readonly x: number;
  readonly y: number;
  readonly layer: number;
}

export interface PlacedLayer {
  readonly top: number;
  readonly bottom: number;
  readonly band: number;
}

export interface Band {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Arrangement {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Placed[];
  readonly layers: readonly PlacedLayer[];
  readonly bands: readonly Band[];
  /** By link, its way through the layers between its ends. */
  readonly ways: readonly Way[];
}

export interface Way {
  /** The x in each layer between. */
  readonly through: ReadonlyMap<number, number>;
  /** The next item after the source, and the last before the target: links that share it share a port of the box. */
  readonly next: { readonly key: string; readonly x: number };
  readonly last: { readonly key: string; readonly x: number };
}

/** The picture's view on a screen of 1280 × 720, beside the panel and below the header. */
export const FRAME = { width: 930, height: 640 } as const;

const MARGIN = 16;
const LAYER_GAP = 26;
const BOX_GAP = 14;
const BUNDLE_GAP = 8;
/** Between bands: the links from one to the next run up here. */
const BAND_GAP = 40;
/** Above and below bands: the same links. */
const BAND_ROOM = 26;
/** Boxes of a layer side by side. */
const WIDTHS = [2, 3, 4, 5, 6, 8, 12] as const;
const MOST_BANDS = 6;
/** More boxes fit no screen: the reader follows them from the top down, in one band. */
const LARGE = 60;
const ROUNDS = 16;
/** How much more a bundle is drawn to one than to a box: long links have few bends. */
const STRAIGHT = 6;

/** How large a picture can be drawn in the frame; never larger than life. */
export const scaleIn = ({ width, height }: { readonly width: number; readonly height: number }): number =>
  Math.min(1, FRAME.width / width, FRAME.height / height);

/** @param boxes each after those that it reads */
export function arrange(boxes: readonly Box[], links: readonly Link[]): Arrangement {
  if (boxes.length > LARGE) return fold(boxes, links, layer(boxes, links, 8), 1);
  let best: Arrangement | undefined;
  let bestScore = 0;
  for (const most of WIDTHS) {
    const layers = layer(boxes, links, most);
    for (let bands = 1; bands <= Math.min(MOST_BANDS, layers.rows.length); bands++) {
      const folded = fold(boxes, links, layers, bands);
      // Each band makes links longer, and each wrapped layer hides what runs side by side.
      const score = scaleIn(folded) * 0.97 ** bands * 0.985 ** layers.wrapped;
      if (score > bestScore) [best, bestScore] = [folded, score];
    }
  }
  return best!;
}

/** Cuts layers into bands, places the items of each, and puts the bands side by side. */
function fold(
  boxes: readonly Box[],
  links: readonly Link[],
  { rows, ways, layerOf }: Layers,
  count: number,
): Arrangement {
  const heights = rows.map(row => Math.max(...row.map(item => item.height)));
  const bandOf = cutEvenly(heights, count);
  const room = bandOf.at(-1)! > 0 ? BAND_ROOM : 0;
  const linked = neighbors(ways);
  const middles = new Map<Item, number>();
  const bands: Band[] = [];
  const layers: PlacedLayer[] = [];
  let left = MARGIN;
  for (let band = 0; band <= bandOf.at(-1)!; band++) {
    const own = rows.filter((_, at) => bandOf[at] === band);
    const { from, to } = placeItems(own, linked, middles);
    for (const item of own.flat()) middles.set(item, middles.get(item)! + left - from);
    let y = MARGIN + room;
    for (const [at, height] of heights.entries()) {
      if (bandOf[at] !== band) continue;
      layers.push({ top: y, bottom: y + height, band });
      y += height + LAYER_GAP;
    }
    bands.push({ left, right: left + to - from, top: MARGIN + room, bottom: y - LAYER_GAP });
    left += to - from + BAND_GAP;
  }
  return {
    width: left - BAND_GAP + MARGIN,
    height: Math.max(...bands.map(({ bottom }) => bottom)) + room + MARGIN,
    bands,
    layers,
    boxes: boxes.map(box => {
      const at = layerOf.get(box.id)!;
      const { top, bottom } = layers[at]!;
      const item = rows[at]!.find(({ key }) => key === boxKey(box.id))!;
      const y = (top + bottom - box.height) / 2;
      return { ...box, x: middles.get(item)! - box.width / 2, y, layer: at };
    }),
    ways: ways.map((way, link) => {
      const first = layerOf.get(links[link]!.from)!;
      const at = (item: Item) => ({ key: item.key, x: middles.get(item)! });
      return {
        through: new Map(way.slice(1, -1).map((item, i) => [first + 1 + i, middles.get(item)!])),
        next: at(way[1]!),
        last: at(way.at(-2)!),
      };
    }),
  };
}

/** By layer, its band: each but the last is filled to an equal part of the height. */
function cutEvenly(heights: readonly number[], count: number): readonly number[] {
  const whole = heights.reduce((sum, height) => sum + height + LAYER_GAP, -LAYER_GAP);
  const most = (whole - (count - 1) * LAYER_GAP) / count;
  const bands: number[] = [];
  let [band, filled] = [0, 0];
  for (const height of heights) {
    // A layer of which more than half is beyond the height begins the next band.
    if (filled > 0 && band < count - 1 && filled + height / 2 > most) {
      band++;
      filled = 0;
    }
    filled += height + LAYER_GAP;
    bands.push(band);
  }
  return bands;
}

/** Writes the middle of each item of a band: near those that it is linked to, in its row's order and without overlaps. @returns their extent */
function placeItems(
  rows: readonly (readonly Item[])[],
  { above, below }: ReturnType<typeof neighbors>,
  middles: Map<Item, number>,
): { readonly from: number; readonly to: number } {
  const inBand = new Set(rows.flat());
  const widths = rows.map(row => offsetsOf(row).at(-1)! + (row[0]!.width + row.at(-1)!.width) / 2);
  const widest = Math.max(...widths);
  for (const row of rows)
    spread(
      row,
      row.map(() => 0),
      widest,
      middles,
    );
  for (let round = 0; round < ROUNDS; round++)
    for (let n = 0; n < rows.length; n++) {
      const row = rows[round % 2 === 0 ? n : rows.length - 1 - n]!;
      const wanted = row.map(item => {
        const near = [...(above.get(item) ?? []), ...(below.get(item) ?? [])].filter(other => inBand.has(other));
        let [sum, weights] = [0, 0];
        for (const other of near) {
          const weight = item.isBox || other.isBox ? 1 : STRAIGHT;
          sum += weight * middles.get(other)!;
          weights += weight;
        }
        return weights === 0 ? middles.get(item)! : sum / weights;
      });
      spread(row, wanted, widest, middles);
    }
  const items = rows.flat();
  return {
    from: Math.min(...items.map(item => middles.get(item)! - item.width / 2)),
    to: Math.max(...items.map(item => middles.get(item)! + item.width / 2)),
  };
}

/**
 * Places a row as near as possible to `wanted` (least squares), in its order and with gaps: pools neighbors that would overlap.
 * @param widest width of the widest row: no row extends beyond it, so that rows do not drift to a side
 */
function spread(row: readonly Item[], wanted: readonly number[], widest: number, middles: Map<Item, number>): void {
  const offsets = offsetsOf(row);
  const pools: { sum: number; count: number }[] = [];
  for (const [i, middle] of wanted.entries()) {
    let pool = { sum: middle - offsets[i]!, count: 1 };
    for (let last = pools.at(-1); last && last.sum / last.count > pool.sum / pool.count; last = pools.at(-1)) {
      pool = { sum: pool.sum + last.sum, count: pool.count + last.count };
      pools.pop();
    }
    pools.push(pool);
  }
  const [least, most] = [row[0]!.width / 2 - widest / 2, widest / 2 - row.at(-1)!.width / 2 - offsets.at(-1)!];
  let i = 0;
  for (const { sum, count } of pools) {
    const start = Math.min(Math.max(sum / count, least), most);
    for (let n = 0; n < count; n++, i++) middles.set(row[i]!, start + offsets[i]!);
  }
}

/** The least distances of a row's middles from its first. */
function offsetsOf(row: readonly Item[]): readonly number[] {
  const offsets: number[] = [];
  for (const [i, item] of row.entries()) {
    const before = row[i - 1];
    const gap = before?.isBox && item.isBox ? BOX_GAP : BUNDLE_GAP;
    offsets.push(before ? offsets[i - 1]! + (before.width + item.width) / 2 + gap : 0);
  }
  return offsets;
}
