// Element-wise steps one by one beside the same steps fused, alternately in one process: `node tests/bench/fuse.bench.mjs [--columns 8]`.
// Prints CPU microseconds a run and the ratio.
import { PASS_NAMES } from "#compiler/4-plan/pass-names.js";
import { optimise } from "#compiler/4-plan/passes.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";

const at = process.argv.indexOf("--columns");
const COLUMNS = at < 0 ? 8 : Number(process.argv[at + 1]);
const names = Array.from({ length: COLUMNS }, (_, i) => `c${i}`);
const schema = dtype => names.map(name => ({ name, dtype, rows: "request", tags: [], properties: {} }));
const columns = value => ({ columns: Object.fromEntries(names.map(name => [name, value])) });

let last = "request";
const step = (op, params, dtype, state) => {
  const inputs = { input: names.map(name => ({ name, step: last, column: name })) };
  last = op;
  return { id: op, op, label: op, params, ...(state && { state }), inputs, outputs: schema(dtype) };
};
const steps = [
  step("fillMissing", { fillValue: 0, addBinaryColumns: false }, "float32"),
  step("clip", { min: 0, max: 1000 }, "float32"),
  step("logOp", {}, "float32"),
  step("normalize", { outDtype: "float32" }, "float32", columns({ mean: 2.5, std: 1.25 })),
];
const plan = {
  format: "merlon/plan",
  version: 1,
  kind: "workflow",
  name: "chain",
  inputs: schema("float32"),
  steps,
  outputs: schema("float32").map(c => ({ ref: { name: c.name, step: last, column: c.name }, schema: c })),
};
const prepare = off => preparePlan(optimise(plan, new Set(off)).plan, { folder: "", models: undefined });
const forms = { apart: await prepare(PASS_NAMES), fused: await prepare([]) };
const context = { seed: 1n, parameters: new Map() };

const rounds = 15;
process.stdout.write(
  `${COLUMNS} float32 columns: fillMissing, clip, logOp, normalize\n\n${"rows".padStart(8)}  ${"apart".padStart(12)}  ${"fused".padStart(12)}  ratio\n`,
);
for (const rows of [1, 100, 10_000, 100_000]) {
  const values = Float32Array.from({ length: rows }, (_, i) => (i % 7 ? (i * 37) % 1999 : Number.NaN));
  const same = rootRows(rows);
  const inputs = new Map(names.map(name => [name, { dtype: "float32", rows: same, values }]));
  const runs = Math.max(3, Math.round(400_000 / (rows + 60)));
  const best = { apart: Number.POSITIVE_INFINITY, fused: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round++)
    for (const form of round % 2 ? ["fused", "apart"] : ["apart", "fused"]) {
      const before = process.cpuUsage();
      for (let i = 0; i < runs; i++) await forms[form].run(inputs, context);
      const { user, system } = process.cpuUsage(before);
      best[form] = Math.min(best[form], (user + system) / runs);
    }
  const us = n => `${n.toFixed(1)} µs`.padStart(12);
  process.stdout.write(
    `${String(rows).padStart(8)}  ${us(best.apart)}  ${us(best.fused)}  ${(best.apart / best.fused).toFixed(2)}×\n`,
  );
}
