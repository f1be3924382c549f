/** Statistics of data → one self-contained HTML page: a card per column, with its histogram or top values. */

import { type ColumnStats, nullShares } from "./column-stats.js";
import { type DataStats, QUANTILES } from "./stats.js";

export const html = (value: string): string =>
  value.replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);
/** Above it, integers print with an exponent. */
const LARGE = 1e21;

/** A number with all digits of its integer part, and at least `digits` in all. */
export function short(value: number, digits = 5): string {
  const size = Math.abs(value);
  if (size < LARGE && (Number.isInteger(value) || size >= 10 ** (digits - 1)))
    return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(digits)));
}

const percentOf = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** `2 %`; of lists with null items `2 %, 5 % of items`. */
export function nullsText(column: ColumnStats, rows: number): string {
  const shares = nullShares(column, rows);
  return percentOf(shares.rows) + (shares.items ? `, ${percentOf(shares.items)} of items` : "");
}

const STYLE = `body{font:14px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1rem;margin:0;font-family:ui-monospace,monospace}p{margin:.2rem 0;color:#57606a}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1rem}
article{border:1px solid #d0d7de;border-radius:8px;padding:.8rem 1rem}table{border-collapse:collapse;width:100%;font-size:12px}
td{padding:1px 4px 1px 0}td:last-child{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:70px;display:block;margin:.4rem 0}
.a{fill:#0969da;opacity:.75}.b{fill:#cf222e;opacity:.45}.drift-moved{color:#9a6700}.drift-another{color:#cf222e;font-weight:600}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}article{border-color:#30363d}p{color:#8d96a0}}`;

export function statsPage({ name, rows, columns, against, drift }: DataStats): string {
  const cards = columns.map(col => {
    const other = against?.columns.find(one => one.name === col.name);
    const moved = drift?.find(one => one.name === col.name);
    const verdict = moved
      ? `<p class="drift-${moved.verdict.split(" ")[0]}">drift: ${moved.verdict}${moved.psi === undefined ? "" : `, PSI ${moved.psi.toFixed(3)}`}${moved.ks === undefined ? "" : `, KS ${moved.ks.toFixed(3)}`}</p>`
      : "";
    return `<article id="${html(col.name)}"><h2>${html(col.name)}</h2><p>${html(col.type)}, ${short(col.cardinality)} distinct, ${nullsText(col, rows)} null${col.lengths ? `, ${short(col.lengths.min)}–${short(col.lengths.max)} items` : ""}</p>${verdict}${col.histogram ? bars(col, other) : ""}${col.quantiles ? quantiles(col) : topValues(col, rows)}</article>`;
  });
  const beside = against ? ` <span class="b">beside</span> ${html(against.name)} (${short(against.rows)} rows)` : "";
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html(name)}</title><style>${STYLE}</style><h1>${html(name)}</h1><p>${short(rows)} rows, ${columns.length} columns${beside}</p><main>${cards.join("\n")}</main></html>\n`;
}

const percent = (part: number, whole: number): string => percentOf(part / Math.max(1, whole));

const WIDTH = 200;

/** Densities over one axis, so that sets of different sizes and ranges can be compared. */
function bars(first: ColumnStats, second: ColumnStats | undefined): string {
  const sets = [first, ...(second?.histogram ? [second] : [])].map(({ histogram = [], quantiles = [0] }) => ({
    counts: histogram,
    low: quantiles[0]!,
    high: quantiles.at(-1)!,
  }));
  const low = Math.min(...sets.map(set => set.low));
  const range = Math.max(...sets.map(set => set.high)) - low || 1;
  const drawn = sets.map(({ counts, low: from, high }) => {
    const total = counts.reduce((a, b) => a + b, 0) || 1;
    // A single value has one bar.
    const share = (high - from || range) / range / counts.length;
    return { densities: counts.map(count => count / total / share), x: (from - low) / range, share };
  });
  const most = Math.max(...drawn.flatMap(({ densities }) => densities)) || 1;
  const rects = drawn.map(({ densities, x, share }, set) =>
    densities.map((density, i) => {
      const height = (60 * density) / most;
      return `<rect class="${"ab"[set]}" x="${(WIDTH * (x + i * share)).toFixed(1)}" y="${(64 - height).toFixed(1)}" width="${(WIDTH * share * 0.9).toFixed(1)}" height="${height.toFixed(1)}"/>`;
    }),
  );
  return `<svg viewBox="0 0 ${WIDTH} 66" preserveAspectRatio="none" role="img" aria-label="histogram">${rects.flat().join("")}</svg>`;
}

const quantiles = ({ quantiles = [], mean = 0, std = 0 }: ColumnStats): string =>
  `<table>${[["mean", mean], ["std", std], ...QUANTILES.map((q, i) => [q === 0 ? "min" : q === 1 ? "max" : `${q * 100} %`, quantiles[i]!])].map(([label, value]) => `<tr><td>${label}<td>${short(value as number)}`).join("")}</table>`;

const topValues = ({ top }: ColumnStats, rows: number): string =>
  `<table>${top.map(({ value, count }) => `<tr><td>${html(value.length > 40 ? `${value.slice(0, 39)}…` : value)}<td>${percent(count, rows)}`).join("")}</table>`;
