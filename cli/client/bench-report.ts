/** Points of a sweep → lines for a terminal, CSV, and a page with the curve of latency over rate. */
import type { BenchPoint } from "./measure.js";

const ms = (value: number): string => value.toFixed(2).padStart(8);
const us = (value: number): string => value.toFixed(0).padStart(8);

/** @param head whether the heading is included */
export function benchLines(point: BenchPoint, head: boolean): string {
  const { concurrency, rate, p50, p90, p95, p99, server, failed, fault } = point;
  const heading =
    "in flight       /s   p50 ms   p90 ms   p95 ms   p99 ms   queue µs   input    infer   output   (mean, on the server)\n";
  const split = server
    ? `   ${us(server.queue)}${us(server.input)} ${us(server.infer)} ${us(server.output)}`
    : "   the server does not say";
  return `${head ? heading : ""}${String(concurrency).padStart(9)} ${rate.toFixed(1).padStart(8)} ${ms(p50)} ${ms(p90)} ${ms(p95)} ${ms(p99)}${split}\n${
    failed > 0 ? `${" ".repeat(10)}${failed} failed: ${fault}\n` : ""
  }`;
}

/** perf_analyzer's columns, times in microseconds. */
export function benchCsv(points: readonly BenchPoint[]): string {
  const head =
    "Concurrency,Inferences/Second,Client Avg latency,p50 latency,p90 latency,p95 latency,p99 latency,Server Queue,Server Compute Input,Server Compute Infer,Server Compute Output,Failed";
  const rows = points.map(({ concurrency, rate, mean, p50, p90, p95, p99, server, failed }) =>
    [
      concurrency,
      rate.toFixed(3),
      ...[mean, p50, p90, p95, p99].map(value => Math.round(value * 1000)),
      ...(["queue", "input", "infer", "output"] as const).map(part => (server ? Math.round(server[part]) : "")),
      failed,
    ].join(","),
  );
  return `${[head, ...rows].join("\n")}\n`;
}

const [W, H, PAD] = [640, 380, 60];
const entity = (text: string): string => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const LINES = [
  ["p50", "light-dark(#2563eb, #6ea8fe)"],
  ["p95", "light-dark(#b45309, #f0a94a)"],
  ["p99", "light-dark(#dc2626, #ff7b72)"],
] as const;

/** Round numbers from 0, five or so, the last beyond the largest value. */
function ticksTo(largest: number): readonly number[] {
  const rough = Math.max(largest, 1e-6) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const each = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough)!;
  return Array.from({ length: Math.ceil(largest / each) + 1 }, (_, i) => i * each);
}

/** A page without scripts: milliseconds over answers a second, a point for each concurrency. */
export function benchPage(points: readonly BenchPoint[], model: string, address: string): string {
  const rates = ticksTo(Math.max(...points.map(p => p.rate)));
  const times = ticksTo(Math.max(...points.map(p => p.p99)));
  const [most, slow] = [rates.at(-1)!, times.at(-1)!];
  const x = (rate: number): string => (PAD + (rate / most) * (W - 2 * PAD)).toFixed(1);
  const y = (time: number): string => (H - PAD - (time / slow) * (H - 2 * PAD)).toFixed(1);
  const short = (tick: number): string => String(Number(tick.toPrecision(6)));
  const grid = [
    ...times.map(
      t =>
        `<line x1="${PAD}" x2="${W - PAD}" y1="${y(t)}" y2="${y(t)}"/><text x="${PAD - 8}" y="${Number(y(t)) + 4}" text-anchor="end">${short(t)}</text>`,
    ),
    ...rates.map(r => `<text x="${x(r)}" y="${H - PAD + 20}" text-anchor="middle">${short(r)}</text>`),
  ].join("");
  const curves = LINES.map(([name, colour]) => {
    const line = points.map(p => `${x(p.rate)},${y(p[name])}`).join(" ");
    const dots = points
      .map(
        p =>
          `<circle cx="${x(p.rate)}" cy="${y(p[name])}" r="4" style="fill:${colour}"><title>${p.concurrency} in flight: ${p.rate.toFixed(1)}/s, ${name} ${p[name].toFixed(2)} ms</title></circle>`,
      )
      .join("");
    // Dashes show a curve beneath it.
    return `<polyline points="${line}" style="stroke:${colour}"${name === "p99" ? ' stroke-dasharray="6 5"' : ""}/>${dots}`;
  }).join("");
  const labels = points
    .map(p => `<text x="${Number(x(p.rate)) + 7}" y="${Number(y(p.p50)) + 14}">${p.concurrency}</text>`)
    .join("");
  const legend = LINES.map(
    ([name, colour], i) => `<text x="${PAD + 10 + i * 48}" y="${PAD - 16}" style="fill:${colour}">${name}</text>`,
  ).join("");
  const rows = points
    .map(
      p =>
        `<tr><td>${p.concurrency}</td><td>${p.rate.toFixed(1)}</td>${[p.p50, p.p90, p.p95, p.p99].map(v => `<td>${v.toFixed(2)}</td>`).join("")}${(["queue", "input", "infer", "output"] as const).map(part => `<td>${p.server ? p.server[part].toFixed(0) : "–"}</td>`).join("")}<td>${p.failed}</td></tr>`,
    )
    .join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${entity(model)} under load</title>
<style>:root{color-scheme:light dark}body{font:14px system-ui,sans-serif;margin:2rem auto;padding:0 16px;max-width:${W + 60}px;color:light-dark(#222,#ddd);background:light-dark(#fff,#111)}line{stroke:light-dark(#ddd,#333)}svg text{font-size:11px;fill:light-dark(#555,#aaa)}polyline{fill:none;stroke-width:2}div{overflow-x:auto}td,th{padding:2px 12px 2px 0;text-align:right;font-variant-numeric:tabular-nums}</style>
<h1>${entity(model)} under load</h1><p>${entity(address)}: milliseconds a request over answers a second; the numbers at the points are requests in flight.</p>
<svg viewBox="0 0 ${W} ${H}" role="img" aria-label="latency over rate">${grid}${curves}${labels}${legend}<text x="${W / 2}" y="${H - 14}" text-anchor="middle">answers a second</text><text x="14" y="${H / 2}" transform="rotate(-90 14 ${H / 2})" text-anchor="middle">ms</text></svg>
<div tabindex="0" aria-label="The same as numbers"><table><tr><th>in flight</th><th>/s</th><th>p50 ms</th><th>p90</th><th>p95</th><th>p99</th><th>queue µs</th><th>input</th><th>infer</th><th>output</th><th>failed</th></tr>${rows}</table></div></html>
`;
}
