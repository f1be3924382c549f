// Merlon's side of etl.bench.mjs, in a process of its own: folder, data, tries, memory limit → JSON of wall and CPU seconds.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileWorkflow } from "#compiler/index.js";
import { readWorkflow } from "#formats/folders/workflow.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { columnOf } from "#runtime/engine/golden/cells.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";
import { transformWorkflow } from "#runtime/etl/transform.js";

const [folder, data, tries, memoryLimit] = process.argv.slice(2);
const options = memoryLimit ? { memoryLimit } : {};
const found = { fit: [], transform: [] };
async function measured(name, work) {
  const wall = performance.now();
  const cpu = process.cpuUsage();
  await work();
  const used = process.cpuUsage(cpu);
  found[name].push([(performance.now() - wall) / 1000, (used.user + used.system) / 1e6]);
}
const compiled = await compileWorkflow(join(folder, "bench.workflow.ts"));
if (!compiled.ok) throw new Error("the program does not compile");
const fitted = join(folder, "fitted");
for (let i = 0; i < Number(tries); i++) {
  await measured("fit", () =>
    writeFittedWorkflow(fitted, async staging => {
      const { states } = await fitWorkflow(compiled.plan, data, {
        folder: staging,
        refine: compiled.withState,
        ...options,
      });
      return compiled.withState(states);
    }),
  );
  await measured("transform", () => transformWorkflow(fitted, data, join(folder, "merlon.parquet"), options));
}
const peak = process.resourceUsage().maxRSS / 1024;

// One row at a time, as a request of one row runs inside the server.
const plan = readWorkflow(fitted);
const refuse = () => Promise.reject(new Error("a workflow calls no model"));
const executable = await preparePlan(plan, { folder: fitted, models: { describe: refuse, infer: refuse } });
const golden = JSON.parse(readFileSync(join(fitted, "golden.json"), "utf8"));
const rows = Array.from(
  { length: golden.rows },
  (_, r) => new Map(plan.inputs.map(col => [col.name, columnOf(col, [golden.inputs[col.name][r]], rootRows(1))])),
);
// All columns of a request share their rows.
for (const row of rows) {
  const one = rootRows(1);
  for (const [name, col] of row) row.set(name, { ...col, rows: one });
}
const times = [];
for (let i = 0; i < 20_000; i++) {
  const started = performance.now();
  await executable.run(rows[i % rows.length], { seed: 0n, parameters: new Map() });
  times.push((performance.now() - started) * 1000);
}
const online = times.slice(5000).sort((a, b) => a - b)[7500];
console.log(JSON.stringify({ ...found, peak, online }));
