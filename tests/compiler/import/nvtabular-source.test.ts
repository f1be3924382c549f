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

describe("a graph that NVTabular wrote", () => {
  test("nodes are numbered by distance from the output: one may precede one that it reads", () => {
    const { lines } = imported(3, [
      record({ id: 0, op: "LogOp", parents: [2], columns: ["a"] }),
      select(1, "b"),
      record({ id: 2, op: "Clip", params: { min_value: 0 }, parents: [4], columns: ["a"] }),
      record({ id: 3, op: "ConcatColumns", parents: [0], dependencies: [1], columns: ["a", "b"] }),
      select(4, "a"),
    ]);
    expect(lines).toEqual([
      'const n2 = request[["a"]] >> clip({"min":0});',
      "const n0 = n2 >> logOp();",
      'const n3 = n0 + request[["b"]];',
      'export default workflow("etl", n3);',
    ]);
  });

  test("a subgraph holds its nodes; behind computed columns they read those", () => {
    const inner = {
      output_node_id: 1,
      nodes: [select(0, "a"), record({ id: 1, op: "LogOp", parents: [0], columns: ["a"] })],
    };
    const subgraph = { name: "user", loop_until: null, inner_graph: inner };
    const node = record({ id: 2, op: "Subgraph", params: subgraph, parents: [1], columns: ["a"] });
    expect(imported(2, [select(1, "a"), node]).lines).toEqual([
      'const n2001 = request[["a"]] >> logOp();',
      'const n2 = subgraph("user", n2001);',
      'export default workflow("etl", n2);',
    ]);
    const clip = record({ id: 1, op: "Clip", params: { min_value: 0 }, parents: [0], columns: ["a"] });
    expect(imported(2, [select(0, "a"), clip, node]).lines).toEqual([
      'const n1 = request[["a"]] >> clip({"min":0});',
      'const n2000 = n1[["a"]];',
      "const n2001 = n2000 >> logOp();",
      'const n2 = subgraph("user", n2001);',
      'export default workflow("etl", n2);',
    ]);
    const looped = record({ id: 2, op: "Subgraph", params: { ...subgraph, loop_until: { module: "m" } }, columns: [] });
    expect(() => imported(2, [looped])).toThrow("node 2 (Subgraph) repeats until a function stops it");
  });

  test("NaN, which Python's JSON has, is not known; text that says NaN stays", () => {
    const normalize = record({
      id: 1,
      op: "Normalize",
      state: { means: { NaN: 1.5 }, stds: { NaN: 0.25 } },
      parents: [0],
      columns: ["NaN"],
    });
    const clip = record({ id: 2, op: "Clip", params: { min_value: -7, max_value: 9 }, parents: [1], columns: ["NaN"] });
    const edit = (text: string) => text.replace("0.25", "NaN").replace("1.5", "-Infinity");
    expect(imported(2, [select(0, "NaN"), normalize, clip], edit).lines).toHaveLength(3);
    expect(readNvtGraph(folder).nodes[1]!.op_state).toEqual({ means: { NaN: -Infinity }, stds: { NaN: null } });
  });

  test("statistics by fold are not keys; names that contain the separator are found", () => {
    const stats = ["__fold___a_b", "a_b", "__fold___a_b_c", "a_b_c"].map(key => ({ key: [key], path: key }));
    const encoding = record({
      id: 2,
      op: "TargetEncoding",
      params: { kfold: 3, p_smooth: 20, target_cols: ["t"], name_sep: "_" },
      state: { stats },
      parents: [0],
      dependencies: [1],
      inputs: ["a", "a_b", "b", "c", "b_c"],
      columns: ["TE_a_b_t", "TE_a_b_c_t"],
    });
    const { lines, warnings } = imported(2, [select(0, "a", "a_b", "b", "c", "b_c"), select(1, "t"), encoding]);
    expect(lines[0]).toBe(
      'const n2 = request[["a_b",["a","b","c"]]] >> targetEncoding(request[["t"]], {"pSmooth":20,"nvtabularNulls":true});',
    );
    expect(warnings).toEqual([expect.stringContaining("(kfold 3); Merlon serves the statistics of all rows.")]);
  });

  test("hashes that depend on the row are warned of, and crosses have one number of buckets", () => {
    const cross = (num_buckets: unknown) =>
      record({
        id: 1,
        op: "HashedCross",
        params: { num_buckets, crosses: [["a", "b"]] },
        parents: [0],
        columns: ["a_X_b"],
      });
    const { lines, warnings } = imported(1, [select(0, "a", "b"), cross([50])]);
    expect(lines[0]).toBe('const n1 = request[["a","b"]] >> hashedCross(50);');
    expect(warnings).toEqual([expect.stringContaining("NVTabular's hash on a CPU depends on the row")]);
    expect(() => imported(1, [select(0, "a", "b"), cross([50, 60])])).toThrow(
      "node 1 (HashedCross) has another number of buckets for each cross. Write one hashedCross a cross in Merlon.",
    );
    const buckets = record({
      id: 1,
      op: "Categorify",
      params: { num_buckets: 5, dtype: { name: "<i2" } },
      parents: [0],
      columns: ["a"],
    });
    const encoded = imported(1, [select(0, "a"), buckets]);
    expect(encoded.lines[0]).toBe('const n1 = request[["a"]] >> categorify({"numBuckets":5,"outDtype":"int32"});');
    expect(encoded.warnings).toEqual([
      expect.stringContaining("values out of vocabulary are hashed to `num_buckets` ids"),
      expect.stringContaining("makes int32, not int16"),
    ]);
  });

  test("numbers are made of truth values where NVTabular counts with them, and stay within the bounds of a clip", () => {
    const fill = (node: ReturnType<typeof record>) => ({
      ...node,
      input_schema: [
        { name: "a", dtype: { name: "float64" } },
        { name: "a_filled", dtype: { name: "bool" } },
      ],
    });
    const columns = ["a", "a_filled"];
    const missing = record({
      id: 1,
      op: "FillMissing",
      params: { fill_val: 0, add_binary_cols: true },
      parents: [0],
      columns,
      inputs: ["a"],
    });
    const log = fill(record({ id: 2, op: "LogOp", parents: [1], columns }));
    const clip = (params: object) => fill(record({ id: 2, op: "Clip", params, parents: [1], columns }));
    const cast = '(n1[["a"]] + (n1[["a_filled"]] >> lambdaOp(x => (x ? 1 : 0), {"dtype":"int8"})))';
    const line = (node: object) => imported(2, [select(0, "a"), missing, node]).lines[1];
    expect(line(log)).toBe(`const n2 = ${cast} >> logOp();`);
    expect(line(clip({ min_value: 0 }))).toBe('const n2 = (n1[["a"]] >> clip({"min":0})) + n1[["a_filled"]];');
    expect(line(clip({ max_value: 0.5 }))).toBe(`const n2 = ${cast} >> clip({"max":0.5});`);
  });

  test("what DropLowCardinality kept is kept, though it has few ids", () => {
    const column = (max: number) => [
      { name: "a", dtype: { name: "int64" }, tags: ["Tags.CATEGORICAL"], properties: { domain: { min: 0, max } } },
    ];
    const drop = record({
      id: 1,
      op: "DropLowCardinality",
      params: { min_cardinality: 7 },
      parents: [0],
      columns: ["a"],
    });
    const line = (max: number) => imported(1, [select(0, "a"), { ...drop, input_schema: column(max) }]);
    expect(line(7)).toMatchObject({
      lines: ['const n1 = request[["a"]] >> dropLowCardinality(7);', expect.anything()],
      warnings: [],
    });
    const kept = line(6);
    expect(kept.lines[0]).toBe('const n1 = (request[["a"]])[["a"]] >> dropLowCardinality(0);');
    expect(kept.warnings).toEqual([expect.stringContaining("keeps `a` of fewer ids than 7")]);
  });

  test("groups of computed columns are groups", () => {
    const clip = record({ id: 1, op: "Clip", params: { min_value: 0 }, parents: [0], columns: ["a", "b"] });
    const encode = record({
      id: 2,
      op: "Categorify",
      state: { storage_name: { a: "a_b", b: "a_b" } },
      parents: [1],
      columns: ["a", "b"],
    });
    expect(imported(2, [select(0, "a", "b"), clip, encode]).lines[1]).toBe(
      'const n2 = n1[[["a","b"]]] >> categorify();',
    );
  });
});

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

  test("notes of the export are warnings, without control characters", () => {
    const { warnings } = imported(1, [select(0, "a"), lambda(a, { notes: ["\u001b[2Jgone"] })]);
    expect(warnings).toEqual(["node 1 (LambdaOp):  [2Jgone"]);
  });
});
