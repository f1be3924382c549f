/**
 * A chart over time as SVG, redrawn at each change: lines or bars, a scale from zero, and a caption. The caption has the latest values, or those
 * under the pointer.
 */
import { element, svg } from "./elements.js";
import { printDuration, printTime } from "./figures.js";

export interface Series {
  readonly name: string;
  /** Color and dashes. */
  readonly kind: "one" | "two" | "three" | "fault";
  /** null where there is none. */
  readonly values: readonly (number | null)[];
}

export interface Chart {
  readonly title: string;
  readonly series: readonly Series[];
  /** Unix milliseconds of each value. */
  readonly times: readonly number[];
  readonly intervalMs: number;
  readonly bars?: boolean;
  readonly print: (value: number) => string;
}

const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 8, 8, 20];

export function drawChart(figure: HTMLElement, chart: Chart): void {
  const width = Math.max(240, figure.clientWidth - 34);
  const { series, times } = chart;
  const top = niceAbove(Math.max(0, ...series.flatMap(({ values }) => values.map(value => value ?? 0))));
  const x = (i: number): number => LEFT + ((i + 0.5) / times.length) * (width - LEFT - RIGHT);
  const y = (value: number): number => TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
  const caption = element("figcaption");
  const cursor = svg("line", { class: "cursor", y1: String(TOP), y2: String(HEIGHT - BOTTOM), visibility: "hidden" });
  const picture = svg(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": describe(chart) },
    ...axes(chart, width, top, y),
    ...series.flatMap(one => (chart.bars ? bars(one, x, y, width / times.length) : lines(one, x, y))),
    cursor,
  );
  const label = (i: number | undefined): void => {
    const items = series.map(({ name, kind, values }) => {
      const value = i === undefined ? values.findLast(one => one !== null) : values[i];
      const text = value === null || value === undefined ? "–" : chart.print(value);
      return element(
        "span",
        "",
        { class: `key ${kind}` },
        element("span", name, { class: "soft" }),
        element("b", text),
      );
    });
    const time = i === undefined ? [] : [element("span", printTime(times[i]!), { class: "soft" })];
    caption.replaceChildren(element("strong", chart.title), ...items, ...time);
  };
  label(undefined);
  picture.addEventListener("pointermove", event => {
    const box = picture.getBoundingClientRect();
    const part = (((event.clientX - box.left) / box.width) * width - LEFT) / (width - LEFT - RIGHT);
    const i = Math.min(times.length - 1, Math.max(0, Math.floor(part * times.length)));
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, String(x(i)));
    cursor.setAttribute("visibility", "visible");
    label(i);
  });
  picture.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    label(undefined);
  });
  figure.replaceChildren(caption, picture);
}

/** For those who don't see it. */
function describe({ title, series, times, intervalMs, print }: Chart): string {
  const window = printDuration((times.length * intervalMs) / 1000);
  const parts = series.map(({ name, values }) => {
    const known = values.filter(value => value !== null);
    return known.length === 0
      ? `${name}: no requests`
      : `${name}: latest ${print(known.at(-1)!)}, highest ${print(Math.max(...known))}`;
  });
  return `${title}, last ${window}. ${parts.join("; ")}.`;
}

function axes({ times, intervalMs, print }: Chart, width: number, top: number, y: (value: number) => number): Node[] {
  const levels = [0, top / 2, top].flatMap(value => [
    svg("line", {
      class: "grid",
      x1: String(LEFT),
      x2: String(width - RIGHT),
      y1: String(y(value)),
      y2: String(y(value)),
    }),
    svg("text", { x: String(LEFT - 6), y: String(y(value) + 4), "text-anchor": "end" }, print(value)),
  ]);
  const seconds = (times.length * intervalMs) / 1000;
  const ends = [
    ["start", LEFT, `${printDuration(seconds)} ago`],
    ["middle", (LEFT + width - RIGHT) / 2, `${printDuration(seconds / 2)} ago`],
    ["end", width - RIGHT, "now"],
  ] as const;
  const labels = ends.map(([anchor, at, text]) =>
    svg("text", { x: String(at), y: String(HEIGHT - 4), "text-anchor": anchor }, text),
  );
  return [...levels, ...labels];
}

type Scale = (value: number) => number;

/** Values without a neighbor are points. */
function lines({ kind, values }: Series, x: Scale, y: Scale): Node[] {
  let path = "";
  const points: Node[] = [];
  for (const [i, value] of values.entries()) {
    if (value === null) continue;
    const [before, after] = [values[i - 1] ?? null, values[i + 1] ?? null];
    path += `${before === null ? "M" : "L"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    if (before === null && after === null)
      points.push(svg("circle", { class: kind, cx: x(i).toFixed(1), cy: y(value).toFixed(1), r: "2.5" }));
  }
  return path === "" ? points : [svg("path", { class: kind, d: path }), ...points];
}

const bars = ({ kind, values }: Series, x: Scale, y: Scale, space: number): Node[] =>
  values.flatMap((value, i) => {
    if (value === null || value === 0) return [];
    const width = Math.max(2, space * 0.6);
    const place = { x: x(i) - width / 2, y: y(value), width, height: y(0) - y(value) };
    return [
      svg("rect", { class: kind, ...Object.fromEntries(Object.entries(place).map(([k, v]) => [k, v.toFixed(1)])) }),
    ];
  });

/** 1, 2 or 5 times a power of ten, at least the value. */
function niceAbove(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map(step => step * power).find(level => level >= value * 0.999)!;
}
