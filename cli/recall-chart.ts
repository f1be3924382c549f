/** Recall and time over a search's parameters → a chart for a terminal, and a page with the same as a curve. */

import type { SearchParameters } from "../formats/faiss/faiss.js";
import type { RecallPoint } from "../runtime/etl/measure-recall.js";

const BAR = { least: 8, most: 30 };
const EIGHTHS = " ▏▎▍▌▋▊▉";

const label = ({ parameters }: RecallPoint): string =>
  Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ") || "all";

/** One line per point, recall as a bar. @param columns of the terminal @param own the file's own parameters, which are marked */
export function recallLines(
  points: readonly RecallPoint[],
  topk: number,
  columns = 80,
  own: SearchParameters = {},
): string {
  const isOwn = ({ parameters: { nprobe, efSearch } }: RecallPoint) =>
    (nprobe ?? efSearch) !== undefined && nprobe === own.nprobe && efSearch === own.efSearch;
  const labels = points.map(point => `${isOwn(point) ? "* " : ""}${label(point)}`);
  const wide = Math.max(...labels.map(text => text.length));
  // The numbers and what is between them.
  const width = Math.max(BAR.least, Math.min(BAR.most, columns - wide - 35));
  const lines = points.map((point, i) => {
    const eighths = Math.round(point.recall * width * 8);
    const bar = `${"█".repeat(eighths >> 3)}${(eighths & 7) > 0 ? EIGHTHS[eighths & 7] : ""}`;
    return `${labels[i]!.padStart(wide)}  ${point.recall.toFixed(4)} ${bar.padEnd(width)}  ${point.p50.toFixed(3).padStart(8)} ms  ${point.p99.toFixed(3).padStart(8)} ms`;
  });
  const mark = points.some(isOwn) ? "* what the file says\n" : "";
  return `${" ".repeat(wide)}  ${`recall@${topk}`.padEnd(width + 7)}       p50          p99\n${lines.join("\n")}\n${mark}`;
}

const [W, H, PAD] = [640, 360, 56];
const entity = (text: string): string => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);

/** A page without scripts: recall against milliseconds. */
export function recallPage(points: readonly RecallPoint[], topk: number, file: string): string {
  const most = Math.max(...points.map(p => p.p50)) * 1.08;
  const least = Math.min(...points.map(p => p.recall));
  const floor = least >= 1 ? 0 : Math.max(0, Math.floor(least * 10) / 10);
  const x = (ms: number) => PAD + (ms / most) * (W - 2 * PAD);
  const y = (recall: number) => H - PAD - ((recall - floor) / (1 - floor)) * (H - 2 * PAD);
  const ticks = Array.from({ length: 5 }, (_, i) => i / 4);
  const grid = ticks
    .map(t => {
      const [ms, recall] = [t * most, floor + t * (1 - floor)];
      return `<line x1="${PAD}" x2="${W - PAD}" y1="${y(recall).toFixed(1)}" y2="${y(recall).toFixed(1)}"/><text x="${PAD - 8}" y="${(y(recall) + 4).toFixed(1)}" text-anchor="end">${recall.toFixed(2)}</text><text x="${x(ms).toFixed(1)}" y="${H - PAD + 20}" text-anchor="middle">${ms.toFixed(3)}</text>`;
    })
    .join("");
  const dots = points
    .map(
      (p, i) =>
        `<circle cx="${x(p.p50).toFixed(1)}" cy="${y(p.recall).toFixed(1)}" r="4"><title>${entity(label(p))}: ${p.recall.toFixed(4)} in ${p.p50.toFixed(3)} ms</title></circle><text x="${(x(p.p50) + 7).toFixed(1)}" y="${(y(p.recall) + 14 * (1 + (i % 3))).toFixed(1)}">${entity(label(p))}</text>`,
    )
    .join("");
  const line = points.map(p => `${x(p.p50).toFixed(1)},${y(p.recall).toFixed(1)}`).join(" ");
  const rows = points
    .map(
      (p, _i) =>
        `<tr><td>${entity(label(p))}</td><td>${p.recall.toFixed(4)}</td><td>${p.p50.toFixed(3)}</td><td>${p.p99.toFixed(3)}</td></tr>`,
    )
    .join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Recall of ${entity(file)}</title>
<style>body{font:14px system-ui,sans-serif;margin:2rem auto;max-width:${W}px;color:#222;background:#fff}line{stroke:#ddd}svg text{font-size:11px;fill:#555}polyline{fill:none;stroke:#2563eb;stroke-width:2}circle{fill:#2563eb}td,th{padding:2px 14px 2px 0;text-align:left}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}line{stroke:#333}svg text{fill:#aaa}}</style>
<h1>Recall@${topk} of ${entity(file)}</h1><p>Share of the exact answer that a search finds, against milliseconds for one query (median).</p>
<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="recall against time">${grid}<polyline points="${line}"/>${dots}<text x="${W / 2}" y="${H - 12}" text-anchor="middle">ms a query</text></svg>
<table><tr><th>parameters</th><th>recall</th><th>p50 ms</th><th>p99 ms</th></tr>${rows}</table></html>
`;
}
