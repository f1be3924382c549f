// Two engines know a node's columns: the checker, as a union of strings, and the graph pass, as values. For every operator of every sample
// they must say the same.
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { columnsOf } from "#compiler/2-check/operator-call.js";
import { loadSources } from "#compiler/2-check/sources.js";
import { artefactReader } from "#compiler/3-graph/artefacts.js";
import type { GraphDocument } from "#compiler/3-graph/document.js";
import * as ts from "#compiler/checker/syntax.js";
import { compile } from "#compiler/index.js";
import { addEnvironment } from "#compiler/typegen/program-entries.js";
import { printColumn } from "#contract/schema.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const names = readdirSync(SAMPLES).filter(name => !name.startsWith("error-") && name !== "artefacts");

type Node = GraphDocument["nodes"][number];

/** Operators that make names out of several columns, or of parameters. */
const COMPOSED = new Set([
  "reduceDtypeSize",
  "valueCount",
  "dropLowCardinality",
  "differenceLag",
  "joinExternal",
  "columnSimilarity",
  "groupby",
  "hashedCross",
  "joinGroupby",
  "lambdaOp",
  "targetEncoding",
]);

/** Nodes whose columns no type can describe: names from parameter names, from a function, from tags, and consequences of removed inputs. */
function isBeyondTypes(node: Node): boolean {
  if (node.kind === "pick") return node.names.some(name => typeof name !== "string");
  if (node.kind === "minus") return typeof node.right !== "number" && node.right.some(name => typeof name !== "string");
  if (node.kind !== "apply") return false;
  const params = node.params as Readonly<Record<string, unknown>>;
  // A service, or several views, are for the graph pass.
  if (node.op === "queryFeast" && typeof params.view !== "string") return true;
  return COMPOSED.has(node.op) || "removeInputs" in params || "lambda" in params;
}

/** A vector's column as the checker has it, where it does not know the width: `int64[${number}] seen` for `int64[3] seen`. */
const matching = (column: string, types: readonly string[] = []): string => {
  const open = column.replace(/^(\w+)\[\d+\] /, "$1[${number}] ");
  return types.includes(open) ? open : column;
};

const inputsOf = (node: Node): number[] => {
  if (node.kind === "plus") return [node.left, node.right];
  if (node.kind === "minus") return [node.left, ...(typeof node.right === "number" ? [node.right] : [])];
  return "input" in node ? [node.input, ...dependenciesOf(node)] : [];
};
const dependenciesOf = (node: Node) =>
  node.kind === "apply" ? Object.values(node.dependencies).flatMap(d => ("node" in d ? [d.node] : [])) : [];

const SHOP = join(import.meta.dirname, "../../../examples/shop");
const programs = [
  ...names.map(name => [name, join(SAMPLES, name, readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!)]),
  ...readdirSync(SHOP)
    .filter(f => /\.(ensemble|workflow)\.ts$/.test(f))
    .map(f => [`shop/${f}`, join(SHOP, f)]),
] as [name: string, file: string][];

/** Columns by site of a program without errors, as the checker infers them; undefined if they are open. */
function typesBySite(file: string): { columns: Map<number, string[] | undefined>; text: Map<number, string> } {
  const sources = loadSources(file);
  addEnvironment(sources, artefactReader(dirname(file)));
  const types = sources.project.types();
  const [columns, text] = [new Map<number, string[] | undefined>(), new Map<number, string>()];
  for (const path of sources.spans.keys()) {
    const visit = (node: ts.Node): void => {
      ts.forEachChild(node, visit);
      const last = ts.isCallExpression(node) ? node.arguments.at(-1) : undefined;
      if (!last || !ts.isNumericLiteral(last) || !sources.sites[Number(last.text)]) return;
      const call = node as ts.CallExpression;
      const name = ts.isPropertyAccessExpression(call.expression)
        ? call.expression.name.text
        : call.expression.getText();
      if (!/^(\$(chain|plus|minus|pick|list)|pipe|plus|minus|pick)$/.test(name)) return;
      columns.set(Number(last.text), columnsOf(types, call)?.toSorted());
      text.set(Number(last.text), call.getText());
    };
    visit(sources.project.tree(path));
  }
  sources.project.close();
  return { columns, text };
}

describe.each(programs)("%s", (_, file) => {
  test("the checker and the graph pass agree at every operator", async () => {
    const { columns, text } = typesBySite(file);
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error("it does not compile");
    let compared = 0;
    const { nodes } = compiled.graph;
    const mayBeOpen = (at: number): boolean => isBeyondTypes(nodes[at]!) || inputsOf(nodes[at]!).some(mayBeOpen);
    for (const [i, node] of nodes.entries()) {
      if (node.site === undefined || !columns.has(node.site)) continue;
      const value = compiled.inferred.scopes[i]!.map(b => printColumn(b.column))
        .map(c => matching(c, columns.get(node.site!)))
        .sort();
      const type = columns.get(node.site);
      if (type === undefined)
        expect({ at: text.get(node.site), open: mayBeOpen(i) }).toEqual({ at: text.get(node.site), open: true });
      else expect({ at: text.get(node.site), columns: type }).toEqual({ at: text.get(node.site), columns: value });
      compared++;
    }
    expect(compared).toBeGreaterThan(0);
  });
});
