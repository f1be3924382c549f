// The rewriter's handling of functions of columns, and the results of a part of a workflow.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { toSource, toTarget } from "#compiler/1-rewrite/spans.js";
import { build, compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { subgraphOf, withoutInputs } from "#contract/restrict-plan.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { fromColumn, toColumn } from "../../runtime/etl/table-values.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const body = (text: string) => rewrite(text, "x.workflow.ts").text.split("\nimport { $")[0]!;

describe("functions of columns stay as they are", () => {
  test.each([
    ["a >> lambdaOp((x, y) => x + y - 1)", "$chain(a , lambdaOp($lambda((x, y) => x + y - 1, 0)), 0)"],
    [
      "const M = 3; a >> queryFaiss('x', { where: item => item.x > M, topk: 5 })",
      "const M = 3; $chain(a , queryFaiss('x', { where: item => item.x > M, $where: $place(0, { M: () => M }), topk: 5 }), 0)",
    ],
    ["a >> filter(row => row['x'] >> 1)", "$chain(a , filter($lambda(row => row['x'] >> 1, 0)), 0)"],
    [
      "const M = 3; a >> lambdaOp(x => x * M)",
      "const M = 3; $chain(a , lambdaOp($lambda(x => x * M, 0, { M: () => M })), 0)",
    ],
    ["const f = x => x + y; a >> lambdaOp(f)", "const f = x => x + y; $chain(a , lambdaOp($lambda(f, 0)), 0)"],
    ["a[tag('user')]", "$pick(a,tag('user'), 0)"],
    ["a - tag('user')", "$minus(a , tag('user'), 0)"],
    ["a[[tag('user'), 'x']]", "$pick(a,[tag('user'), 'x'], 0)"],
    ["subgraph('u', a >> b)", "subgraph('u', $chain(a , b, 1), 0)"],
    ["source.fromSchema('x')", "source.fromSchema('x', 0)"],
  ])("%s", (source, target) => expect(body(source)).toBe(target));

  test("every character of a function maps to itself", () => {
    const text = "const M = 2;\nconst b = a >> lambdaOp((x, y) => x >> y + M, { name: 'b' });\n";
    const { spans } = rewrite(text, "x.workflow.ts");
    const [start, end] = [text.indexOf("(x, y)"), text.indexOf(", { name")];
    for (let at = start; at < end; at++) expect(toSource(spans, toTarget(spans, at)!)).toBe(at);
  });
});

const events = () => {
  const file = join(SAMPLES, "artefacts", "etl", "events", "workflow.json");
  return parsePlan(readFileSync(file, "utf8"), file);
};

describe("a part of a fitted workflow", () => {
  test("reads what it needs and no more", () => {
    const item = subgraphOf(events(), "item")!;
    expect(item.inputs.map(c => c.name)).toEqual(["item_id", "price", "label"]);
    expect(item.outputs.map(o => o.schema.name)).toEqual(["item_id", "price"]);
    expect(item.steps.map(step => step.op)).toEqual(["filter", "categorify", "normalize"]);
    expect(subgraphOf(events(), "nobody")).toBeUndefined();
  });

  test("without labels, the columns made from them are dropped, and filters that read them", () => {
    const serving = withoutInputs(events(), ["label"]);
    expect(serving.inputs.map(c => c.name)).toEqual(["user_id", "item_id", "city", "price"]);
    expect(serving.outputs.map(o => [o.schema.name, o.schema.rows])).toEqual(
      ["user_id", "city", "item_id", "price"].map(name => [name, "request"]),
    );
    expect(serving.steps.map(step => step.op)).not.toContain("filter");
    expect(Object.keys(serving.subgraphs!)).toEqual(["user", "item"]);
    expect(parsePlan(JSON.stringify(serving), "serving plan")).toEqual(serving);
  });

  test("is served by itself, with the ids of the whole's vocabulary", async () => {
    const out = mkdtempSync(join(tmpdir(), "merlon-subgraph-"));
    try {
      const compiled = await compile(join(SAMPLES, "ensemble-subgraph", "main.ensemble.ts"));
      if (!compiled.ok) throw new Error("does not compile");
      build(compiled, out);
      const folder = join(out, "parts", "1");
      const plan = parsePlan(readFileSync(join(folder, "plan.json"), "utf8"), "plan.json");
      const refuse = () => Promise.reject(new Error("no model is called"));
      const executable = await preparePlan(plan, { folder, models: { describe: refuse, infer: refuse } });
      const rows = rootRows(3);
      const given = { user_id: [1, 2, 9], item_id: [10, 11, null], city: ["Oslo", "Ghent", "Rome"], price: [1, 2, 3] };
      const result = await executable.run(
        new Map(plan.inputs.map(c => [c.name, toColumn(c, given[c.name as keyof typeof given], rows)])),
        { seed: 0n, parameters: new Map() },
      );
      const answer = Object.fromEntries([...result.columns].map(([name, col]) => [name, fromColumn(col)]));
      // Kept rows of the fit: users 1, 2, 2 and cities Ghent, Turin, Oslo. Ids start at 3, the most frequent first, with 2 for unknown and
      // 1 for null.
      expect(answer.user_id).toEqual([4, 3, 2]);
      expect(answer.city!.at(2)).toBe(2);
      expect(answer.all_user_id).toEqual(answer.user_id);
      expect(answer.all_item_id!.at(2)).toBe(1);
      expect(Object.keys(answer)).toEqual(["user_id", "city", "all_user_id", "all_city", "all_item_id", "all_price"]);
      await executable.close();
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

test("64-bit integers go through a program exactly, one function after the other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-integers-"));
  try {
    const file = join(folder, "main.workflow.ts");
    writeFileSync(
      file,
      `import { filter, lambdaOp, source, workflow } from "merlon";
const HIDDEN = [1234567890123456819n, 5n];
const OFFSET = 1234567890123456000n;
const e = source({ id: "int64" });
const kept = e >> filter(row => !HIDDEN.includes(row.id));
const tripled = kept >> lambdaOp(id => (id - OFFSET) * 3n + OFFSET, { dtype: "int64" });
export default workflow("integers", kept + (tripled >> lambdaOp(id => id % 1_000, { name: "last", dtype: "int32" })));
`,
    );
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    const refuse = () => Promise.reject(new Error("no model is called"));
    const plan = parsePlan(JSON.stringify(compiled.plan), "plan.json");
    const executable = await preparePlan(plan, { folder, models: { describe: refuse, infer: refuse } });
    const ids = ["1234567890123456789", "1234567890123456819", "1234567890123456790", 5];
    const rows = rootRows(ids.length);
    const given = new Map([["id", toColumn(plan.inputs[0]!, ids, rows)]]);
    const { columns } = await executable.run(given, { seed: 0n, parameters: new Map() });
    expect(Object.fromEntries([...columns].map(([name, col]) => [name, fromColumn(col)]))).toEqual({
      id: ["1234567890123456789", "1234567890123456790"],
      last: [367, 370],
    });
    await executable.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
