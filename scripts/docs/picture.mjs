// Draws docs/images/recommend-{light,dark}.svg: the shop's recommender as `merlon explain` has it, a box for each variable of the program.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAM = join(ROOT, "examples", "shop", "recommend.ensemble.ts");

const COLORS = {
  light: { ink: "#1f2328", soft: "#59636e", line: "#8c959f", box: "#f6f8fa", edge: "#d1d9e0", accent: "#0969da" },
  dark: { ink: "#f0f6fc", soft: "#9198a1", line: "#6e7681", box: "#151b23", edge: "#3d444d", accent: "#4493f8" },
};
const [WIDE, HIGH, GAP, CHANNEL, MARGIN, COLUMNS] = [148, 88, 26, 52, 26, 5];

const variableOf = step => step.split(".")[0];
const escaped = text => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Rows of a step's columns, as a reader counts them. */
function rowsText({ rows }, id) {
  const found = rows.find(row => row.id === id);
  return found?.most ? `≤ ${found.most} per user` : "1 per user";
}

/** @returns the boxes in the order of the plan, and pairs of their indices that columns connect */
function graphOf(explanation) {
  const boxes = [
    { name: "request", lines: explanation.inputs.map(({ name, type }) => `${name}: ${type}`), rows: "users" },
  ];
  const places = new Map([["request", 0]]);
  const edges = new Map();
  const connect = (from, to) => from !== to && edges.set(`${from} ${to}`, [from, to]);
  for (const { id, op, inputs, outputs } of explanation.steps) {
    const name = variableOf(id);
    if (!places.has(name)) {
      places.set(name, boxes.length);
      boxes.push({ name, lines: [] });
    }
    const box = boxes[places.get(name)];
    box.lines.push(op);
    box.rows = rowsText(explanation, outputs[0].shape[0]);
    for (const { step } of inputs) connect(places.get(variableOf(step)), places.get(name));
  }
  const last = boxes.length;
  boxes.push({ name: "response", lines: explanation.outputs.map(({ name }) => name), rows: "users" });
  for (const { step } of explanation.outputs) connect(places.get(variableOf(step)), last);
  return { boxes, edges: [...edges.values()] };
}

/** Path between two boxes of the grid: along the row, over it, or through the channel between rows. */
function pathOf(from, to) {
  const at = i => ({
    x: MARGIN + (i % COLUMNS) * (WIDE + GAP),
    y: MARGIN + Math.floor(i / COLUMNS) * (HIGH + CHANNEL),
    row: Math.floor(i / COLUMNS),
  });
  const [a, b] = [at(from), at(to)];
  const middle = a.y + HIGH / 2;
  if (a.row === b.row && to === from + 1) return `M${a.x + WIDE} ${middle}H${b.x - 5}`;
  const [fromX, toX] = [a.x + WIDE / 2, b.x + WIDE / 2];
  // Over the first row and under the others, so that the channel between rows stays readable.
  if (a.row === b.row && a.row === 0) return `M${fromX} ${a.y}V${a.y - 16}H${toX}V${b.y - 5}`;
  if (a.row === b.row) return `M${fromX} ${a.y + HIGH}V${a.y + HIGH + 16}H${toX}V${b.y + HIGH + 5}`;
  if (a.x === b.x) return `M${fromX} ${a.y + HIGH}V${b.y - 5}`;
  return `M${fromX} ${a.y + HIGH}V${a.y + HIGH + CHANNEL / 2}H${toX}V${b.y - 5}`;
}

/** @returns an SVG document */
function draw({ boxes, edges }, color) {
  const rows = Math.ceil(boxes.length / COLUMNS);
  const width = 2 * MARGIN + COLUMNS * WIDE + (COLUMNS - 1) * GAP;
  const height = 2 * MARGIN + rows * HIGH + (rows - 1) * CHANNEL;
  const shapes = boxes.map(({ name, lines, rows: count }, i) => {
    const x = MARGIN + (i % COLUMNS) * (WIDE + GAP);
    const y = MARGIN + Math.floor(i / COLUMNS) * (HIGH + CHANNEL);
    const isEnd = i === 0 || i === boxes.length - 1;
    const text = (line, dy, style) => `<text x="${x + 12}" y="${y + dy}" ${style}>${escaped(line)}</text>`;
    return [
      `<rect x="${x}" y="${y}" width="${WIDE}" height="${HIGH}" rx="8" fill="${color.box}" stroke="${isEnd ? color.accent : color.edge}"/>`,
      text(name, 22, `font-weight="600" fill="${isEnd ? color.accent : color.ink}"`),
      ...lines.map((line, j) => text(line, 42 + 16 * j, `fill="${color.ink}" font-size="12"`)),
      `<text x="${x + 12}" y="${y + HIGH - 10}" font-size="11" fill="${color.soft}">${isEnd ? "" : escaped(count)}</text>`,
    ].join("\n");
  });
  const arrows = edges.map(
    ([from, to]) =>
      `<path d="${pathOf(from, to)}" fill="none" stroke="${color.line}" stroke-width="1.5" marker-end="url(#arrow)"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="14" role="img" aria-label="Steps of the example recommender">`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L8 4L0 8z" fill="${color.line}"/></marker></defs>`,
    ...arrows,
    ...shapes,
    "</svg>\n",
  ].join("\n");
}

/** @returns path relative to the tree → text. Needs the built product. */
export async function pictures() {
  const { explain } = await import("../../dist/compiler/index.js");
  const explained = await explain(PROGRAM, { format: "json" });
  if (!explained.ok) throw new Error(`${PROGRAM} does not compile`);
  const graph = graphOf(JSON.parse(explained.text));
  return Object.entries(COLORS).map(([theme, color]) => [`docs/images/recommend-${theme}.svg`, draw(graph, color)]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(join(ROOT, "docs", "images"), { recursive: true });
  for (const [path, text] of await pictures()) writeFileSync(join(ROOT, path), text);
}
