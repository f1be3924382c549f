/** Forms of `graph.json` that NVTabular writes itself (its `graph_serializer.py`), as programs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readNvtGraph } from "#compiler/import/nvtabular-graph.js";
import { nvtabularSource } from "#compiler/import/nvtabular-source.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-nvtabular-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Written {
  readonly id: number;
  readonly op: string;
  readonly params?: object;
  readonly state?: object;
  readonly parents?: readonly number[];
  readonly dependencies?: readonly number[];
  readonly columns: readonly string[];
  readonly inputs?: readonly string[];
}

const record = ({ id, op, params = {}, state = {}, parents = [], dependencies = [], columns, inputs }: Written) => ({
  id,
  op_class: `nvtabular.ops.${op}`,
  op_params: params,
  op_state: state,
  parent_ids: parents,
  dependency_ids: dependencies,
  selector: null,
  input_schema: (inputs ?? columns).map(name => ({ name, dtype: { name: "int64" } })),
  output_schema: columns.map(name => ({ name, dtype: { name: "int64" } })),
});

/** The program's lines of nodes, and the warnings. */
function imported(output: number, nodes: readonly object[], edit = (text: string) => text) {
  const graph = { format_version: 1, output_node_id: output, nodes };
  writeFileSync(join(folder, "graph.json"), edit(JSON.stringify(graph)));
  const { source, warnings } = nvtabularSource(readNvtGraph(folder), "etl");
  return { lines: source.split("\n").filter(line => /^const n\d|^export/.test(line)), warnings };
}

const select = (id: number, ...columns: string[]) => record({ id, op: "SelectionOp", columns });

describe("functions that the export translated", () => {
  const lambda = (expression: unknown, rest: object = {}) =>
    record({
      id: 1,
      op: "LambdaOp",
      params: { functions: [{ name: "a", dtype: "float64", expression }], ...rest },
      parents: [0],
      columns: ["a"],
    });
  const line = (expression: unknown, rest?: object) =>
    imported(1, [select(0, "a", "b"), lambda(expression, rest)]).lines[0];
  const a = { column: "a" };

  test("are printed with their columns taken out of the row", () => {
    expect(line(["add", ["fround", ["mul", a, { value: -2 }]], { column: "b" }])).toBe(
      'const n1 = request[["a","b"]] >> lambdaOp(({ a, b }) => Math.fround((a * (-2))) + b, {"name":"a"});',
    );
    expect(line(["cond", ["not", ["missing", { column: "no name" }]], { column: "class" }, { value: 0 }])).toBe(
      'const n1 = request[["a","b"]] >> lambdaOp(({ "no name": $0, "class": $1 }) => (!($0 == null)) ? $1 : 0, {"name":"a"});',
    );
    const both = [
      { name: "a", dtype: "int32", expression: a },
      { name: "b", dtype: "bool", expression: ["lt", a, { value: 3 }] },
    ];
    expect(line(undefined, { functions: both })).toBe(
      'const n1 = (request[["a","b"]] >> lambdaOp(({ a }) => a, {"name":"a","dtype":"int32"})) + (request[["a","b"]] >> lambdaOp(({ a }) => a < 3, {"name":"b"}));',
    );
    const filter = record({
      id: 1,
      op: "Filter",
      params: { condition: ["and", ["ge", a, { value: 2 }], ["lt", a, { value: 9 }]] },
      parents: [0],
      columns: ["a"],
    });
    expect(imported(1, [select(0, "a"), filter]).lines[0]).toBe(
      'const n1 = request[["a"]] >> filter(({ a }) => (a >= 2) && (a < 9));',
    );
    const rename = record({
      id: 1,
      op: "Rename",
      params: { names: { a: "x", b: "y" } },
      parents: [0],
      columns: ["x", "y"],
    });
    expect(imported(1, [select(0, "a", "b"), rename]).lines[0]).toBe(
      'const n1 = request[["a","b"]] >> rename(name => name === "a" ? "x" : name === "b" ? "y" : name);',
    );
  });

  test("nothing in them is source: text is quoted, and what is not known is refused", () => {
    const breakout = '"); process.exit(1); ("';
    expect(line(["concat", { column: breakout }, { value: breakout }])).toBe(
      `const n1 = request[["a","b"]] >> lambdaOp(({ ${JSON.stringify(breakout)}: $0 }) => $0.concat(${JSON.stringify(breakout)}), {"name":"a"});`,
    );
    for (const name of ["eval", "constructor", "__proto__", "toString", 7, null])
      expect(() => line([name, a]), String(name)).toThrow(
        "node 1 (LambdaOp) holds a function that cannot be imported:",
      );
    for (const odd of [
      ["add", a],
      ["neg"],
      ["neg", a, a],
      [],
      {},
      "a",
      { column: "a", value: 1 },
      { value: null },
      { value: [1] },
    ])
      expect(() => line(odd), JSON.stringify(odd)).toThrow("holds a function that cannot be imported:");
  });

  test("are refused when deep or long, before the stack or the memory is full", () => {
    let deep: unknown = a;
    for (let i = 0; i < 1000; i++) deep = ["neg", deep];
    expect(() => line(deep)).toThrow("it is over 200 levels deep");
    let wide: unknown = { value: "x".repeat(1000) };
    for (let i = 0; i < 7; i++) wide = ["concat", wide, wide];
    expect(() => line(wide)).toThrow("it is over 100000 characters long");
    let tripled: unknown = a;
    for (let i = 0; i < 150; i++) tripled = ["mod", a, tripled];
    expect(() => line(tripled)).toThrow("it is over 100000 characters long");
  });
});
