/**
 * Links of an arrangement → SVG paths. A path leads from the bottom of a box, past the layers between, to the top of the other. From band to band
 * it leads through the gap beside them.
 */
import type { Arrangement, Placed } from "./arrange.js";
import type { Link } from "./layers.js";

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Between two links that leave or reach one box. */
const PORT_GAP = 14;
const CORNER = 8;
/** Room for the lanes beside a band, and between two lanes. */
const LANES = 30;
const LANE_GAP = 6;

/** @returns the path of each link, for the attribute `d` */
export function routeLinks(arrangement: Arrangement, links: readonly Link[]): readonly string[] {
  const boxes = new Map(arrangement.boxes.map(box => [box.id, box]));
  const leaves = spreadPorts(
    boxes,
    links.map(({ from }, i) => ({ box: from, to: arrangement.ways[i]!.next })),
  );
  const arrives = spreadPorts(
    boxes,
    links.map(({ to }, i) => ({ box: to, to: arrangement.ways[i]!.last })),
  );
  const laneOf = assignLanes(arrangement, links, boxes);
  return links.map((link, i) =>
    routeLink(arrangement, boxes.get(link.from)!, boxes.get(link.to)!, leaves[i]!, arrives[i]!, i, laneOf(link.from)),
  );
}

type Boxes = ReadonlyMap<string, Placed>;

/** By link, the x at one of its ends. The ports of a box are in the order of the places they lead to. */
function spreadPorts(
  boxes: Boxes,
  ends: readonly { readonly box: string; readonly to: { readonly key: string; readonly x: number } }[],
): readonly number[] {
  const ports = new Map<string, Map<string, number>>();
  for (const { box, to } of ends) {
    const own = ports.get(box) ?? new Map<string, number>();
    ports.set(box, own.set(to.key, to.x));
  }
  const places = new Map(
    [...ports].map(([box, own]) => [box, [...own].toSorted((a, b) => a[1] - b[1]).map(([key]) => key)]),
  );
  return ends.map(({ box, to }) => {
    const { x, width } = boxes.get(box)!;
    const own = places.get(box)!;
    const gap = Math.min(PORT_GAP, (0.6 * width) / own.length);
    return x + width / 2 + (own.indexOf(to.key) - (own.length - 1) / 2) * gap;
  });
}

/** Links of one source share a lane. */
function assignLanes(
  { layers }: Arrangement,
  links: readonly Link[],
  boxes: Boxes,
): (source: string) => { readonly offset: number } {
  const crossing = new Set(
    links.flatMap(({ from, to }) =>
      layers[boxes.get(from)!.layer]!.band === layers[boxes.get(to)!.layer]!.band ? [] : [from],
    ),
  );
  const lanes = [...crossing];
  const gap = Math.min(LANE_GAP, LANES / Math.max(1, lanes.length));
  return source => ({ offset: Math.max(0, lanes.indexOf(source)) * gap });
}

function routeLink(
  { layers, bands, ways }: Arrangement,
  from: Placed,
  to: Placed,
  leaves: number,
  arrives: number,
  link: number,
  lane: { readonly offset: number },
): string {
  const start = { x: leaves, y: from.y + from.height };
  const path = [`M${print(start)}`];
  let at: Point = start;
  const straight = (y: number): void => {
    if (Math.abs(y - at.y) < 0.1) return;
    at = { x: at.x, y };
    path.push(`V${round(y)}`);
  };
  const bend = (x: number, y: number): void => {
    const half = (y - at.y) / 2;
    path.push(`C${round(at.x)} ${round(at.y + half)} ${round(x)} ${round(y - half)} ${round(x)} ${round(y)}`);
    at = { x, y };
  };
  straight(layers[from.layer]!.bottom);
  for (let layer = from.layer + 1; layer <= to.layer; layer++) {
    const { top, bottom, band } = layers[layer]!;
    const x = layer === to.layer ? arrives : (ways[link]!.through.get(layer) ?? at.x);
    const before = layers[layer - 1]!.band;
    if (band !== before) {
      const gap = bands[before]!.right + 10 + lane.offset;
      const corners = [
        { x: at.x, y: bands[before]!.bottom + 12 + lane.offset / 2 },
        { x: gap, y: bands[before]!.bottom + 12 + lane.offset / 2 },
        { x: gap, y: bands[band]!.top - 26 + lane.offset / 2 },
        { x, y: bands[band]!.top - 26 + lane.offset / 2 },
      ];
      path.push(...roundCorners(at, corners, { x, y: top }));
      at = { x, y: top };
    } else bend(x, top);
    if (layer !== to.layer) straight(bottom);
  }
  straight(to.y);
  return path.join("");
}

/** A way along right angles, its corners rounded. */
function roundCorners(start: Point, corners: readonly Point[], end: Point): readonly string[] {
  const points = [start, ...corners, end];
  const parts = corners.map((corner, i) => {
    const [before, after] = [points[i]!, points[i + 2]!];
    const radius = Math.min(CORNER, distance(before, corner) / 2, distance(corner, after) / 2);
    return `L${print(towards(corner, before, radius))}Q${print(corner)} ${print(towards(corner, after, radius))}`;
  });
  return [...parts, `L${print(end)}`];
}

const distance = (a: Point, b: Point): number => Math.hypot(a.x - b.x, a.y - b.y);

function towards(from: Point, to: Point, by: number): Point {
  const part = by / (distance(from, to) || 1);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

const round = (value: number): number => Math.round(value * 10) / 10;
const print = ({ x, y }: Point): string => `${round(x)} ${round(y)}`;
