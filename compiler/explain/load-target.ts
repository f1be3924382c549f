/**
 * The target of `merlon explain` → its plan: a program's file is compiled; a plan, a fitted workflow, a model or a repository is read.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { artefactsOf } from "../../contract/any-step.js";
import { type AnyStep, type Plan, parsePlan } from "../../contract/plan.js";
import { CHECK_SUFFIX } from "../../formats/feast/store-check.js";
import { readWorkflow, WORKFLOW_FILE } from "../../formats/folders/workflow.js";
import { isMerlonFile } from "../1-rewrite/file-form.js";
import type { PassReport } from "../4-plan/optimised.js";
import type { PassName } from "../4-plan/pass-names.js";
import { isNoManifest } from "../5-emit/finish-model.js";
import { type Compiled, compile, type NotCompiled } from "../compile.js";
import type { WorkflowOf } from "./lineage.js";

export interface Target {
  readonly ok: true;
  readonly plan: Plan;
  /** Null for a built plan. */
  readonly passes: readonly PassReport[] | null;
  /** The compiled program; undefined for a built plan and for a workflow. */
  readonly program?: Compiled;
  readonly origin: string;
  readonly workflowOf: WorkflowOf;
  /** SHA-256 of each file that the step uses, by its place beside the plan. */
  fingerprints(step: AnyStep): ReadonlyMap<string, string>;
}

/**
 * @param path program, plan, fitted workflow, model or repository
 * @throws Error where nothing of these is found; what is wrong in a program is returned
 */
export async function loadTarget(
  path: string,
  options: { readonly off?: ReadonlySet<PassName> } = {},
): Promise<Target | NotCompiled> {
  if (isMerlonFile(path)) {
    const compiled = await compile(path, options);
    return compiled.ok ? programTarget(path, compiled) : compiled;
  }
  if (options.off?.size) throw new Error(`${path} is not a program: \`--off\` is for files that are compiled.`);
  return builtTarget(findPlan(path));
}

/** @param path of the program, as it is shown */
export function programTarget(path: string, compiled: Compiled): Target {
  const steps = new Map(compiled.steps.map(step => [step.id, step]));
  const filesOf = (id: string) => steps.get(id)?.files ?? [];
  return {
    ok: true,
    plan: compiled.served,
    passes: compiled.passes,
    ...(compiled.plan.kind === "ensemble" && { program: compiled }),
    origin: path,
    workflowOf: step => {
      const [whole, part] = filesOf(step.id);
      if (part && "text" in part) return parsePlan(part.text, part.to);
      return whole && "from" in whole ? readWorkflow(whole.from) : undefined;
    },
    fingerprints: step => {
      // A text replaces the earlier file of the folder.
      const files = filesOf(step.id).flatMap(file => {
        if ("text" in file || "bytes" in file)
          return [[file.to, hash("text" in file ? file.text : file.bytes)] as const];
        const from = "from" in file ? file.from : file.store;
        return filesBelow(from, file.to).map(([name, path]) => [name, hashFile(path)] as const);
      });
      const model = steps.get(step.id)?.model;
      return new Map([
        ...files,
        ...(model
          ? [[`${model.name}/model.onnx`, model.bytes ? hash(model.bytes) : hashFile(model.from)] as const]
          : []),
      ]);
    },
  };
}

function builtTarget(file: string): Target {
  const folder = dirname(file);
  const plan = parsePlan(readFileSync(file, "utf8"), file);
  return {
    ok: true,
    plan,
    passes: null,
    origin: file,
    workflowOf: step => {
      const workflow = join(folder, step.artefacts?.workflow ?? "");
      return existsSync(workflow) ? parsePlan(readFileSync(workflow, "utf8"), workflow) : undefined;
    },
    fingerprints: step => {
      const found = new Map<string, string>();
      for (const to of Object.values(artefactsOf(step))) {
        // A fitted workflow is its folder.
        const part = basename(to) === WORKFLOW_FILE ? dirname(to) : to;
        for (const [name, path] of filesBelow(join(folder, part), part)) found.set(name, hashFile(path));
      }
      const model = "model" in step.params ? step.params.model : undefined;
      const onnx = model && join(folder, "..", "..", model, basename(folder), "model.onnx");
      if (onnx && existsSync(onnx)) found.set(`${model}/model.onnx`, hashFile(onnx));
      return found;
    },
  };
}

/** Files that only say what others are. */
const isCheck = (path: string): boolean => path.endsWith(CHECK_SUFFIX) || !isNoManifest(path);

/** A file, or every file of a folder, with the name it has beside the plan. */
function filesBelow(path: string, name: string): (readonly [name: string, path: string])[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return isCheck(path) ? [] : [[name, path]];
  return readdirSync(path)
    .sort()
    .flatMap(entry => filesBelow(join(path, entry), join(name, entry)));
}

/** The plan in a folder: of a version, a fitted workflow, a model (its newest version), or a repository with one ensemble. */
function findPlan(path: string): string {
  const given = resolve(path);
  if (!existsSync(given))
    throw new Error(
      `${path}: there is no such file. Give a program, a plan.json, or a folder that \`merlon build\` or \`merlon fit\` wrote.`,
    );
  if (!statSync(given).isDirectory()) return path;
  const here = ["plan.json", WORKFLOW_FILE].map(name => join(path, name)).find(existsSync);
  if (here) return here;
  const newest = newestPlan(path);
  if (newest) return newest;
  const models = readdirSync(path).flatMap(model => newestPlan(join(path, model)) ?? []);
  if (models.length === 1) return models[0]!;
  throw new Error(
    models.length === 0
      ? `${path}: there is no plan in it. Build it with \`merlon build\`.`
      : `${path}: it holds ${models.length} ensembles; give one: ${models.map(plan => dirname(dirname(plan))).join(", ")}.`,
  );
}

function newestPlan(model: string): string | undefined {
  if (!statSync(model).isDirectory()) return undefined;
  return readdirSync(model)
    .filter(version => /^[1-9]\d*$/.test(version))
    .sort((a, b) => Number(b) - Number(a))
    .map(version => join(model, version, "plan.json"))
    .find(existsSync);
}

const hash = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
const hashFile = (path: string): string => hash(readFileSync(path));
