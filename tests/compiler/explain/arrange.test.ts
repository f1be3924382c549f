// The places of a graph's cards and the ways of its links, over the shapes that plans have and over random ones.
import fc from "fast-check";
import { expect, test } from "vitest";
import { arrange, type Placed, scaleIn } from "#compiler/explain/arrange.js";
import type { Box, Link } from "#compiler/explain/layers.js";
import { routeLinks } from "#compiler/explain/route.js";

const box = (i: number): Box => ({ id: `step${i}`, width: 116 + ((i * 37) % 60), height: 42 });
/** @param readsOf the earlier boxes that each reads */
const graph = (count: number, readsOf: (i: number) => readonly number[]) => {
  const boxes = Array.from({ length: count }, (_, i) => box(i));
  const links: Link[] = boxes.flatMap((to, i) =>
    [...new Set(readsOf(i))].filter(from => from >= 0 && from < i).map(from => ({ from: box(from).id, to: to.id })),
  );
  return { boxes, links };
};
const inside = ({ x, y, width, height }: Placed, at: { x: number; y: number }): boolean =>
  at.x > x + 1 && at.x < x + width - 1 && at.y > y + 1 && at.y < y + height - 1;

/** Points along a path of M, L, V, C and Q. */
function pointsOf(path: string): readonly { x: number; y: number }[] {
  const points: { x: number; y: number }[] = [];
  let at = { x: 0, y: 0 };
  for (const [, command, text] of path.matchAll(/([MLVCQ])([^MLVCQ]+)/g)) {
    const numbers = text!.trim().split(/\s+/).map(Number);
    expect(numbers.every(Number.isFinite)).toBe(true);
    const ends = command === "V" ? [at.x, numbers[0]!] : numbers;
    const controls = [at];
    for (let i = 0; i < ends.length; i += 2) controls.push({ x: ends[i]!, y: ends[i + 1]! });
    if (command === "M") points.push(controls[1]!);
    else
      for (let part = 1; part <= 12; part++) {
        // De Casteljau.
        let level = controls;
        while (level.length > 1)
          level = level.slice(1).map((to, i) => ({
            x: level[i]!.x + ((to.x - level[i]!.x) * part) / 12,
            y: level[i]!.y + ((to.y - level[i]!.y) * part) / 12,
          }));
        points.push(level[0]!);
      }
    at = points.at(-1)!;
  }
  return points;
}

const CHAIN = graph(32, i => [i - 1]);
const WIDE = graph(32, i => (i === 31 ? Array.from({ length: 30 }, (_, n) => n + 1) : [0]));
/** Four sources of candidates, three ranking models, features of the user read to the end. */
const ENSEMBLE = graph(32, i => {
  if (i < 5) return [0];
  if (i < 13) return [i - 4];
  const reads: Record<number, number[]> = {
    13: [9, 10, 11, 12],
    14: [13, 1],
    17: [15, 16, 1],
    21: [18, 19, 20],
    22: [21, 14],
    27: [24, 25, 26, 14],
    29: [28, 3],
    30: [29, 1],
  };
  return reads[i] ?? [i === 16 ? 14 : i > 17 && i < 21 ? 17 : i > 23 && i < 27 ? 23 : i - 1];
});

test.each([
  ["a chain", CHAIN],
  ["one layer", WIDE],
  ["an ensemble", ENSEMBLE],
])("thirty steps fit the view and stay readable: %s", (_, { boxes, links }) => {
  expect(scaleIn(arrange(boxes, links))).toBeGreaterThan(0.75);
});

test("boxes do not overlap, links go down or to a later band, and pass no box", () => {
  const reads = fc.array(fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 30 });
  fc.assert(
    fc.property(reads, back => {
      const { boxes, links } = graph(back.length, i => back[i]!.map(far => i - 1 - far));
      const arrangement = arrange(boxes, links);
      const { boxes: placed, layers, width, height } = arrangement;
      const byId = new Map(placed.map(one => [one.id, one]));
      for (const [i, a] of placed.entries()) {
        expect(a.x >= 0 && a.y >= 0 && a.x + a.width <= width && a.y + a.height <= height).toBe(true);
        for (const b of placed.slice(i + 1))
          expect(a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y).toBe(
            true,
          );
      }
      for (const [i, path] of routeLinks(arrangement, links).entries()) {
        const [from, to] = [byId.get(links[i]!.from)!, byId.get(links[i]!.to)!];
        const [above, below] = [layers[from.layer]!, layers[to.layer]!];
        expect(above.band < below.band || (above.band === below.band && above.bottom <= below.top)).toBe(true);
        const points = pointsOf(path);
        expect(points.at(-1)).toMatchObject({ y: expect.closeTo(to.y, 0) });
        for (const point of points) {
          expect(point.x >= 0 && point.x <= width && point.y >= 0 && point.y <= height).toBe(true);
          expect(placed.some(one => inside(one, point))).toBe(false);
        }
      }
    }),
    { numRuns: 60 },
  );
});
