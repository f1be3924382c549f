// The rewriter's handling of functions of columns, and the results of a part of a workflow.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { compile } from "#compiler/index.js";
import { parsePlan } from "#contract/plan.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { fromColumn, toColumn } from "../../runtime/etl/table-values.js";

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
