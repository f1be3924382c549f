// Merlon's side of fit.bench.mjs, in a process of its own: folder, data → JSON of wall and CPU seconds of the second of two fits. `statistics` are
// those of the second of two that learn the statistics alone and write their files.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compileWorkflow } from "#compiler/index.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";

const [folder, data] = process.argv.slice(2);
const compiled = await compileWorkflow(join(folder, "bench.workflow.ts"));
if (!compiled.ok) throw new Error("the program does not compile");

async function secondOf(work) {
  let found;
  for (let i = 0; i < 2; i++) {
    const wall = performance.now();
    const cpu = process.cpuUsage();
    await work();
    const used = process.cpuUsage(cpu);
    found = { wall: (performance.now() - wall) / 1000, cpu: (used.user + used.system) / 1e6 };
  }
  return found;
}

const whole = () =>
  writeFittedWorkflow(join(folder, "fitted"), async staging => {
    const { states } = await fitWorkflow(compiled.plan, data, { folder: staging, refine: compiled.withState });
    return compiled.withState(states);
  });
const alone = async () => {
  const statistics = join(folder, "statistics");
  rmSync(statistics, { recursive: true, force: true });
  mkdirSync(statistics);
  await fitWorkflow(compiled.plan, data, { folder: statistics });
};
console.log(JSON.stringify({ ...(await secondOf(whole)), statistics: await secondOf(alone) }));
