/** An evaluation → one self-contained HTML page: the verdict, estimates with intervals, and weights by position and segment. */
import { html } from "../etl/stats-page.js";
import type { Evaluation } from "./evaluate.js";
import { headOf, modelOf, rowsOf } from "./evaluation-table.js";
import { basisOf, printCount, printNumber, type Verdict } from "./verdict.js";

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.3rem}h2{font-size:1rem;margin-top:2rem}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;max-width:48rem}.axis{stroke:#8c959f;stroke-dasharray:3 3}.bar{stroke:#0969da;stroke-width:3}.dot{fill:#0969da}text{font:12px system-ui;fill:currentColor}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}}`;

export function evaluationPage(evaluation: Evaluation, { sentence, warnings }: Verdict): string {
  const doubts = warnings.map(warning => `<li>${html(warning)}.</li>`).join("");
  const model = modelOf(evaluation);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Off-policy evaluation</title><style>${STYLE}</style>
<h1>${html(sentence)}</h1><p>${html(basisOf(evaluation))}</p>${doubts && `<ul>${doubts}</ul>`}<p>${html(headOf(evaluation))}</p>${model === undefined ? "" : `<p>${html(model)}</p>`}
${intervals(evaluation)}
<h2>Estimates</h2>${table(rowsOf(evaluation))}
<h2>Importance weights</h2>${table(weights(evaluation))}
${evaluation.segments ? `<h2>Segments of ${html(evaluation.segments.column)}</h2>${table(segments(evaluation))}` : ""}</html>
`;
}

const weights = ({ positions }: Evaluation): readonly (readonly string[])[] => [
  ["position", "lists", "effective sample size", "mean, expected 1", "largest"],
  ...positions.map(({ position, lists, effectiveSampleSize, mean, max }) => [
    String(position),
    printCount(lists),
    printCount(effectiveSampleSize),
    printNumber(mean),
    printNumber(max),
  ]),
];

const segments = ({ segments: found }: Evaluation): readonly (readonly string[])[] => [
  ["segment", "lists", "effective sample size", "mean weight"],
  ...found!.weights.map(({ segment, lists, effectiveSampleSize, mean }) => [
    segment,
    printCount(lists),
    printCount(effectiveSampleSize),
    printNumber(mean),
  ]),
];

const table = ([head, ...rows]: readonly (readonly string[])[]): string =>
  `<table><tr>${head!.map(cell => `<th>${html(cell)}</th>`).join("")}</tr>${rows
    .map(row => `<tr>${row.map(cell => `<td>${html(cell)}</td>`).join("")}</tr>`)
    .join("")}</table>`;

/** One line an estimate, over the axis of rewards; the dashed line is the logged reward. */
function intervals({ estimates, logged }: Evaluation): string {
  const known = estimates.filter(({ interval }) => interval !== undefined);
  if (known.length === 0) return "";
  const low = Math.min(logged.value, ...known.map(({ interval }) => interval!.low));
  const high = Math.max(logged.value, ...known.map(({ interval }) => interval!.high));
  const x = (value: number): string => (110 + (480 * (value - low)) / (high - low || 1)).toFixed(1);
  const lines = known.map(({ estimator, value, interval }, i) => {
    const y = 20 + 24 * i;
    return `<text x="0" y="${y + 4}">${estimator}</text><line class="bar" x1="${x(interval!.low)}" x2="${x(interval!.high)}" y1="${y}" y2="${y}"/><circle class="dot" cx="${x(value)}" cy="${y}" r="5"/>`;
  });
  const height = 24 * known.length + 24;
  return `<svg viewBox="0 0 600 ${height}" role="img" aria-label="estimates with intervals, and the logged reward"><line class="axis" x1="${x(logged.value)}" x2="${x(logged.value)}" y1="4" y2="${height - 4}"/>${lines.join("")}</svg>`;
}
