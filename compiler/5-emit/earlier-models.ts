/**
 * The stages and ONNX models of an earlier build of a program in a repository, which a build with fewer of them must not keep.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Plan, parsePlan } from "../../contract/plan.js";
import { parseModelConfig } from "../../triton-protos/model-config.js";
import { PROGRAM } from "./onnx/program-parameter.js";

/** @param entry name of its entry model */
export function earlierModels(repository: string, entry: string, program: string): string[] {
  if (!existsSync(repository)) return [];
  return readdirSync(repository).flatMap(model => {
    const plans = plansOf(join(repository, model));
    if (model === entry)
      return plans.flatMap(plan => plan.steps.flatMap(step => ("model" in step.params ? step.params.model : [])));
    return plans.some(plan => plan.stage?.of === program) || isLowered(join(repository, model), program) ? [model] : [];
  });
}

/** A graph of `--target triton` says in its configuration whose it is. */
function isLowered(model: string, program: string): boolean {
  const file = join(model, "config.pbtxt");
  if (!existsSync(file)) return false;
  try {
    return parseModelConfig(readFileSync(file, "utf8"), file).parameters[PROGRAM]?.string_value === program;
  } catch {
    return false;
  }
}

/** Plans of a model's versions; a file that is not a plan belongs to another program. */
function plansOf(model: string): Plan[] {
  try {
    return readdirSync(model, { withFileTypes: true }).flatMap(version => {
      const file = join(model, version.name, "plan.json");
      return version.isDirectory() && existsSync(file) ? [parsePlan(readFileSync(file, "utf8"), file)] : [];
    });
  } catch {
    return [];
  }
}
