/**
 * The repositories of `--target triton` on a real Triton, if `MERLON_TRITON` names one. It names a built one with ONNX Runtime's backend, or an
 * environment with nvidia-pytriton, numpy and onnxruntime. The latter's Triton lacks the backend, so a Python model runs each graph.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { canBatch } from "#compiler/5-emit/configs.js";
import { backendsOf } from "#conformance/real-triton.js";
import { startTriton } from "../../../bench/server/processes.mjs";
import { requestOf } from "../../../runtime/server/sample-request.js";
import { askBinary } from "../../ask-binary.js";
import { compiledProgram, expectAlike, type Program, plain, STOCK, serveForms } from "./both-servers.js";
import { refusalOf, SAMPLE_NAMES, SHOP, sampleProgram, withoutTheRefused } from "./sample-programs.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-real-triton-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The same repository; where Triton cannot run a graph, a Python model does. */
function runnable(triton: string, repository: string, to: string): string {
  cpSync(repository, to, { recursive: true });
  if (backendsOf(triton).includes("onnxruntime")) return to;
  for (const model of readdirSync(to)) {
    const config = join(to, model, "config.pbtxt");
    const text = readFileSync(config, "utf8");
    if (!text.includes('"onnxruntime"')) continue;
    const instance = text.includes("instance_group") ? "" : "instance_group [ { count: 1 kind: KIND_CPU } ]\n";
    writeFileSync(config, text.replace('"onnxruntime"', '"python"') + instance);
    for (const version of readdirSync(join(to, model)))
      if (existsSync(join(to, model, version, "model.onnx")))
        copyFileSync(join(import.meta.dirname, "python_model/model.py"), join(to, model, version, "model.py"));
  }
  return to;
}

const triton = process.env.MERLON_TRITON;
if (!triton) test("a real Triton", ({ skip }) => skip("MERLON_TRITON names none"));
else
  test("a real Triton schedules what was compiled, and answers the same", async () => {
    const programs: Program[] = [];
    for (const made of [compiledProgram(SHOP), ...SAMPLE_NAMES.map(sampleProgram)]) {
      const program = withoutTheRefused(await made);
      if (refusalOf(program) === "" && !programs.some(p => p.plan.name === program.plan.name)) programs.push(program);
    }
    const served = await serveForms(programs);
    let asked = 0;
    for (const form of STOCK) {
      const repository = runnable(triton, join(served.folder, form), join(folder, form));
      mkdirSync(join(folder, "scratch"), { recursive: true });
      const server = (await startTriton(triton, repository, join(folder, "scratch"), [
        ...["--model-control-mode", "explicit", "--disable-auto-complete-config"],
      ])) as { http: number; stop(): Promise<unknown> };
      const control = async (model: string, verb: string) => {
        const body = verb === "unload" ? { parameters: { unload_dependents: true } } : {};
        const url = `http://127.0.0.1:${server.http}/v2/repository/models/${model}/${verb}`;
        const said = await fetch(url, { method: "POST", body: JSON.stringify(body) });
        expect([model, verb, said.status, await said.text()]).toEqual([model, verb, 200, ""]);
      };
      try {
        for (const { plan } of programs) {
          await control(plan.name, "load");
          for (const rows of [1, 3]) {
            const tensors = requestOf(plan, canBatch(plan), rows);
            const answer = plain(await askBinary(server.http, plan.name, tensors));
            expectAlike(answer, await served.ask("executor", plan.name, tensors), [plan.name, form, rows]);
            asked++;
          }
          await control(plan.name, "unload");
        }
      } finally {
        await server.stop();
      }
    }
    await served.stop();
    expect(asked).toBe(programs.length * 4);
  }, 900_000);
