// Builds three models of a program into a repository, again and again; prints the number of each build that has ended.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const [built, repository, name] = process.argv.slice(2);
const { putModels } = await import(`${built}/compiler/5-emit/put-models.js`);
const { finishModel } = await import(`${built}/compiler/5-emit/finish-model.js`);
const program = { kind: "ensemble", name, entry: name, file: `${name}.ensemble.ts` };
for (let number = 1; ; number++) {
  // Every other build has a model less.
  const names = [name, `${name}_left`, ...(number % 2 ? [`${name}_right`] : [])];
  putModels({
    ...{ out: repository, program, names, reads: [] },
    write(folder) {
      for (const model of names) {
        mkdirSync(join(folder, model, "1"), { recursive: true });
        writeFileSync(join(folder, model, "1", "number"), `${process.pid} ${number}`);
        finishModel(join(folder, model), { name: model, backend: "identity" }, program);
      }
    },
  });
  process.stdout.write(`${number}\n`);
  // Others wait for the lock meanwhile.
  await pause(Math.random() * 60);
}
