// Fits two data sets in turn to one folder until it is killed; says so when both have been there.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OP_PARAMS } from "#contract/op-params.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";

const [folder, out] = process.argv.slice(2);
const inputs = [{ name: "x", dtype: "string", rows: "request", tags: [], properties: {} }];
const ref = { name: "x", step: "request", column: "x" };
const step = {
  id: "ids",
  op: "categorify",
  label: "ids",
  params: OP_PARAMS.categorify.parse({}),
  inputs: { input: [ref] },
  outputs: [{ ...inputs[0], dtype: "int64" }],
};
const plan = {
  format: "merlon/plan",
  version: 1,
  kind: "workflow",
  name: "w",
  inputs,
  steps: [step],
  outputs: [{ ref: { ...ref, step: "ids" }, schema: step.outputs[0] }],
};
for (let round = 0; ; round++) {
  const data = join(folder, `forever-${process.pid}-${round % 2}.csv`);
  writeFileSync(data, round % 2 ? "x\na\nb\n" : "x\na\n");
  await writeFittedWorkflow(out, async staging => {
    const { states } = await fitWorkflow(plan, data, { folder: staging });
    return { ...plan, steps: [{ ...step, state: states.get("ids") }] };
  });
  if (round === 1) process.send("both were there");
}
