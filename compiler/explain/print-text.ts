/**
 * Explanation → text for a terminal: per step its inputs and outputs, their readers, and changes by passes.
 */
import { plural } from "../../operators/shared/spec/describe.js";
import { type Paint, painter } from "../diagnostics/paint.js";
import {
  type ExplainedColumn,
  type ExplainedRows,
  type ExplainedStep,
  type Explanation,
  printShape,
} from "./explanation.js";

/** Wide steps would bury the others; `--format json` has every column. */
const MOST_COLUMNS = 40;

export function printExplanation(explanation: Explanation, color = false): string {
  const paint = painter(color);
  const { kind, name, origin, steps, inputs, outputs, rows } = explanation;
  const stages = new Set(steps.map(s => s.stage)).size;
  return [
    `${paint.bold(`${kind} ${name}`)}  ${paint.dim(origin)}`,
    `${plural(steps.length, "step")} in ${plural(stages, "stage")}: ${plural(inputs.length, "request column")} → ${plural(outputs.length, "answer column")}`,
    "",
    ...(rows.length > 1 ? [paint.bold("rows"), ...table(rows.map(row => [row.id, describeRows(row)])), ""] : []),
    paint.bold("request"),
    ...table(inputs.map(c => made(c, paint))),
    "",
    ...numbered(steps).flatMap(([number, step]) => [...printStep(number, step, paint), ""]),
    paint.bold("answer"),
    ...table(outputs.map(o => [o.name, o.type, paint.dim(printShape(o.shape)), `← ${source(o, o.name, paint)}`])),
    "",
    ...printLog(explanation, paint),
    ...printLayouts(explanation, paint),
    ...printPasses(explanation, paint),
    "",
  ].join("\n");
}

/** `2.` for the one step of stage 2; `2.1`, `2.2` … for those that run side by side. */
function numbered(steps: readonly ExplainedStep[]): (readonly [number: string, step: ExplainedStep])[] {
  const sizes = new Map<number, number>();
  for (const { stage } of steps) sizes.set(stage, (sizes.get(stage) ?? 0) + 1);
  const seen = new Map<number, number>();
  return steps.map(step => {
    const place = (seen.get(step.stage) ?? 0) + 1;
    seen.set(step.stage, place);
    return [sizes.get(step.stage) === 1 ? `${step.stage}.` : `${step.stage}.${place}`, step];
  });
}

function printStep(number: string, step: ExplainedStep, paint: Paint): string[] {
  const reads = step.inputs.map(i => [
    i.port === "input" ? "reads" : i.port,
    i.name,
    i.type,
    paint.dim(printShape(i.shape)),
    `← ${source(i, i.name, paint)}`,
  ]);
  const makes = step.outputs.map(c => ["makes", ...made(c, paint)]);
  const parts = (step.parts ?? []).map(part => ["does", paint.blue(part.id), part.does]);
  const does = step.parts ? `${plural(parts.length, "step")} in one walk over each column` : step.does;
  return [
    `${paint.dim(number)} ${paint.bold(step.id)}: ${does}`,
    ...table(most(parts)),
    ...table(most(reads)),
    ...table(most(makes)),
  ];
}

const made = (c: ExplainedColumn, paint: Paint): string[] => [
  c.name,
  c.type,
  paint.dim(printShape(c.shape)),
  c.readers.length ? `→ ${c.readers.map(paint.blue).join(", ")}` : paint.dim("nobody reads it"),
];

/** The maker; its own name for the column where it differs. */
const source = ({ step, column }: { step: string; column: string }, name: string, paint: Paint): string =>
  column === name ? paint.blue(step) : `${column} of ${paint.blue(step)}`;

const most = (lines: string[][]): string[][] =>
  lines.length <= MOST_COLUMNS
    ? lines
    : [
        ...lines.slice(0, MOST_COLUMNS),
        [lines[0]![0]!, `and ${lines.length - MOST_COLUMNS} more (\`--format json\` has all)`],
      ];

function describeRows({ parent, most }: ExplainedRows): string {
  if (parent === null) return "rows of the request";
  return `${most === null ? "any number" : `at most ${most}`} for each row of ${parent}`;
}

function printLog({ log }: Explanation, paint: Paint): string[] {
  if (!log) return [];
  const { columns, hashed, rate, retentionDays, inexact } = log;
  const kept = columns.map(name => (hashed.includes(name) ? `${name} (hashed)` : name));
  const others =
    rate === 0 ? "shown items" : rate === 1 ? "all candidates" : `shown items and ${rate} of the other candidates`;
  const days = retentionDays === null ? "" : `, for ${plural(retentionDays, "day")}`;
  return [
    `${paint.bold("log")}  ${others}${days}: fixed columns${kept.length ? ` and ${kept.join(", ")}` : ""}`,
    ...(inexact === null ? [] : [`  propensities are null: ${inexact}`]),
    "",
  ];
}

function printLayouts({ layouts }: Explanation, paint: Paint): string[] {
  return (layouts ?? []).flatMap(({ layout, models, refused }) => [
    `${paint.bold("models")} of \`--layout ${layout}\`${refused === undefined ? "" : `: none. ${refused}`}`,
    ...table(
      models.map(({ name, backend, inputs, outputs, maxBatchSize }) => [
        paint.blue(name),
        backend,
        maxBatchSize > 0 ? `batches up to ${maxBatchSize}` : "",
        paint.dim(
          `${plural(inputs.length, "tensor")} → ${outputs.length > 3 ? plural(outputs.length, "tensor") : outputs.join(", ")}`,
        ),
      ]),
    ),
    "",
  ]);
}

function printPasses({ passes, saved }: Explanation, paint: Paint): string[] {
  if (passes === null) return [paint.dim("A built plan has no record of the passes: explain the program's file.")];
  const lines = passes.flatMap(({ pass, off, notes }) => [
    `  ${pass}: ${off ? "off" : notes.length ? plural(notes.length, "change") : "nothing to do"}`,
    ...most(notes.map(({ step, text }) => [`  ${paint.blue(step)} ${text}`])).map(([line]) => `  ${line}`),
  ]);
  const parts = [
    saved.steps && plural(saved.steps, "step"),
    saved.columns && plural(saved.columns, "column"),
    saved.lookups && plural(saved.lookups, "look-up"),
  ].filter(Boolean);
  return [paint.bold("passes"), ...lines, `  saved per request: ${parts.join(", ") || "nothing"}`];
}

/** Cells in columns, two spaces apart. */
function table(lines: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const line of lines) for (const [i, cell] of line.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  return lines.map(line =>
    `  ${line.map((cell, i) => (i === line.length - 1 ? cell : cell + " ".repeat(widths[i]! - width(cell)))).join("  ")}`.trimEnd(),
  );
}

/** Characters shown: escape sequences are not. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const width = (cell: string): number => cell.replace(/\u001b\[\d+m/g, "").length;
