// `npm run count [-- FOLDER] [--against COMMIT]`: prints the tree's numbers and its lines of code by room, of this tree or of another checkout.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import ts from "typescript";
import { countRooms, roomRows } from "./count/rooms.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { against: { type: "string" } },
});
const root = resolve(positionals[0] ?? fileURLToPath(new URL("..", import.meta.url)));
const LONG = 80;
const CODE = /\.(ts|cts|mts)$/;
const ASIDE = /^(tests|examples|lab|docs)\/|\.test\.ts$|\/gen\/|diagnostics\/messages\.ts$/;

// New files count; files that were removed and are still in the index do not.
const all = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 2 ** 26,
})
  .split("\n")
  .filter(path => path !== "" && existsSync(join(root, path)));
const files = all.filter(path => CODE.test(path) && !ASIDE.test(path));
const text = new Map(files.map(path => [path, readFileSync(join(root, path), "utf8")]));
const trees = new Map(
  [...text].map(([path, source]) => [path, ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)]),
);

/** Calls `visit` for each node of each file. */
function everyNode(visit) {
  for (const [path, tree] of trees) {
    const walk = node => {
      visit(node, path, tree);
      ts.forEachChild(node, walk);
    };
    walk(tree);
  }
}

/** Files that import each other in a circle: components of more than one file. */
function cycles() {
  const importsOf = path =>
    [...text.get(path).matchAll(/(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g)]
      .map(([, to]) => normalize(join(dirname(path), to)).replace(/\.(c?)js$/, ".$1ts"))
      .filter(to => text.has(to));
  const state = { at: 0, place: new Map(), low: new Map(), stack: [], found: [] };
  const visit = path => {
    state.place.set(path, state.at);
    state.low.set(path, state.at++);
    state.stack.push(path);
    for (const to of importsOf(path)) {
      if (!state.place.has(to)) visit(to);
      if (state.stack.includes(to)) state.low.set(path, Math.min(state.low.get(path), state.low.get(to)));
    }
    if (state.low.get(path) !== state.place.get(path)) return;
    const circle = state.stack.splice(state.stack.indexOf(path));
    if (circle.length > 1) state.found.push(circle);
  };
  for (const path of files) if (!state.place.has(path)) visit(path);
  return state.found;
}

const kebab = name => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);

/** Names of operators, from the record that lists them. */
function operatorNames() {
  const path = ["operators/gen/specs.ts", "contract/op-params.ts", "triton-protos/op-params.ts"].find(one =>
    all.includes(one),
  );
  const names = [];
  const visit = node => {
    if (ts.isVariableDeclaration(node) && ["SPECS", "OP_PARAMS"].includes(node.name.getText()) && node.initializer) {
      let value = node.initializer;
      while (ts.isAsExpression(value) || ts.isSatisfiesExpression(value)) value = value.expression;
      if (ts.isObjectLiteralExpression(value)) names.push(...value.properties.map(property => property.name.getText()));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.Latest, true));
  return names;
}

const names = new Set(operatorNames());
const isOperators = path => /^operators\/|^compiler\/(ops|lower)\/|^runtime\/(kernels|etl\/sql)\//.test(path);
let comparisons = 0;
let lists = 0;
let holes = 0;
const long = [];
everyNode((node, path, tree) => {
  if (ts.isBinaryExpression(node) && /^[!=]==$/.test(node.operatorToken.getText()) && !isOperators(path)) {
    const sides = [node.left, node.right];
    if (
      sides.some(side => /(\.|^)op$/.test(side.getText())) &&
      sides.some(side => ts.isStringLiteral(side) && names.has(side.text))
    )
      comparisons++;
  }
  // Lists that name three operators or more; catalogues, one entry an operator, are records.
  if (ts.isArrayLiteralExpression(node) && !/^operators\/(?!shared)/.test(path)) {
    const named = node.elements.filter(item => ts.isStringLiteral(item) && names.has(item.text));
    if (named.length > 0 && named.length === node.elements.length && named.length > 2) lists++;
  }
  if (ts.isNonNullExpression(node) && /\.(inputs|outputs|state|artefacts)\b[^()]*$/.test(node.expression.getText()))
    holes++;
  const isFunction =
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isArrowFunction(node) ||
    ts.isFunctionExpression(node);
  if (isFunction && node.body) {
    const line = at => tree.getLineAndCharacterOfPosition(at).line;
    const lines = line(node.end) - line(node.getStart()) + 1;
    if (lines > LONG)
      long.push({ lines, name: node.name?.getText() ?? node.parent.name?.getText() ?? "(anonymous)", path });
  }
});
const perOperator = [...names].map(
  name =>
    all.filter(
      path =>
        path.split("/").some(part => part.replace(/(\.test)?\.ts$/, "") === kebab(name)) &&
        !/^(tests|docs|examples)\//.test(path) &&
        !path.endsWith(".test.ts"),
    ).length,
);
const circles = cycles();
const rows = [
  [
    "lines of TypeScript, tests and generated files left out",
    [...text.values()].reduce((sum, source) => sum + source.split("\n").length - 1, 0),
  ],
  ["files", files.length],
  ["operators", names.size],
  [
    "files of an operator, mean and most",
    `${(perOperator.reduce((a, b) => a + b, 0) / names.size).toFixed(1)}, ${Math.max(...perOperator)}`,
  ],
  ["lists of three and more operators' names", lists],
  ["comparisons of a step's operator outside operators", comparisons],
  [
    "circles of imports",
    circles.length === 0 ? 0 : `${circles.length}, the largest of ${Math.max(...circles.map(one => one.length))} files`,
  ],
  ["`!` on ports, state and artefacts", holes],
  [`functions of more than ${LONG} lines`, long.length],
  ["loose files in runtime/", all.filter(path => /^runtime\/[^/]+\.ts$/.test(path)).length],
];
const width = Math.max(...rows.map(([what]) => what.length));
for (const [what, figure] of rows) process.stdout.write(`${what.padEnd(width)}  ${figure}\n`);
process.stdout.write(
  `\nlongest: ${long
    .sort((a, b) => b.lines - a.lines)
    .slice(0, 10)
    .map(({ name, lines, path }) => `${name} ${lines} (${path})`)
    .join("\n         ")}\n`,
);

const before = options.against && countRooms(root, options.against);
process.stdout.write(
  `\nlines of code, without comments and blank lines${before ? `, and the change since ${options.against}` : ""}\n${roomRows(
    countRooms(root),
    before,
  ).join("\n")}\n`,
);
