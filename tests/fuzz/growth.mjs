/**
 * Whether memory grows: samples over the requests → the slope of their second half. The first half warms up: code is compiled, pools and caches fill.
 */
const MEGABYTE = 2 ** 20;
/** Limits of leaked bytes per request: the heap is measured after a collection, the resident size has the allocator's noise. */
const LIMITS = { heap: 60, rss: 300 };
/** Growth in megabytes that is noise, however few the requests. */
const NOISE = { heap: 3, rss: 15 };

/** Least squares. @param points `[x, y]` @returns y per x */
export function slope(points) {
  const mean = of => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  let [above, below] = [0, 0];
  for (const point of points) {
    above += (point[0] - x) * (point[1] - y);
    below += (point[0] - x) ** 2;
  }
  return above / below;
}

/**
 * Growth from each point to the next, without a tenth of the largest and of the smallest steps. A heap that returns its pages at once bends the
 * line of least squares.
 * @param points `[x, y]` at equal distances @returns y per x
 */
export function steadyGrowth(points) {
  const steps = points.slice(1).map(([x, y], i) => (y - points[i][1]) / (x - points[i][0]));
  const cut = Math.ceil(steps.length / 10);
  const kept = steps.toSorted((a, b) => a - b).slice(cut, -cut);
  return kept.reduce((sum, one) => sum + one, 0) / kept.length;
}

/**
 * @param samples `{ sent, heap, rss }` in bytes, in order
 * @returns for the heap and the resident size: bytes a request leaves behind, megabytes at the middle and at the end, and whether that is a leak
 */
export function growth(samples) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const requests = half.at(-1).sent - half[0].sent;
  const of = key => {
    const perRequest = slope(half.map(sample => [sample.sent, sample[key]]));
    const grown = (perRequest * requests) / MEGABYTE;
    return {
      perRequest,
      middle: half[0][key] / MEGABYTE,
      end: half.at(-1)[key] / MEGABYTE,
      leaks: perRequest > LIMITS[key] && grown > NOISE[key],
    };
  };
  return { heap: of("heap"), rss: of("rss") };
}
