/**
 * Compiled program → model repository on disk: the entry model with its plan and artefacts, and one model per ONNX file. Byte-stable for equal
 * input, relocatable, and put in place in one step.
 */
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { replaceFolder, stagingFolder } from "../../triton-protos/artefacts/replace-folder.js";
import { printModelConfig } from "../../triton-protos/model-config.js";
import type { Plan } from "../../triton-protos/plan.js";
import type { Compiled } from "../compile.js";
import type { ArtefactFile } from "../ops/define-op.js";
import { entryConfig } from "./configs.js";
import { earlierModels } from "./earlier-models.js";
import { ensembleModels } from "./ensemble/ensemble-models.js";
import { onnxModels, planModel, type RepositoryModel } from "./repository-model.js";

export interface BuiltModel {
  readonly name: string;
  readonly backend: string;
  readonly files: number;
  readonly bytes: number;
}

export interface Built {
  readonly folder: string;
  readonly plan: Plan;
  readonly models: readonly BuiltModel[];
}

export const DEFAULT_MAX_BATCH_SIZE = 128;

/** `executor`: one model runs the plan in process. `ensemble`: one model per step, and an entry that schedules them. */
export const LAYOUTS = ["executor", "ensemble"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** What of a compiled program becomes a repository. */
export type Program = Pick<Compiled, "plan" | "steps" | "graph">;

export interface BuildOptions {
  /** @default "executor" */
  readonly layout?: Layout;
}

/**
 * Writes the repository. Models of other programs that stand in `out` stay.
 * @param out repository folder; made when missing
 */
export function build(compiled: Program, out: string, options: BuildOptions = {}): Built {
  const { plan } = compiled;
  const target = resolve(out);
  const staging = stagingFolder(target);
  const models = repositoryModels(compiled, options);
  for (const { name, config, files } of models) {
    const version = join(staging, name, "1");
    mkdirSync(version, { recursive: true });
    for (const file of files) writeArtefact(file, version);
    writeFileSync(join(staging, name, "config.pbtxt"), printModelConfig(config));
  }
  keepOthers(target, staging, new Set([...models.map(m => m.name), ...earlierModels(target, plan.name)]));
  replaceFolder(staging, target);
  return {
    folder: target,
    plan,
    models: models.map(({ name, config }) => ({
      name,
      backend: config.backend ?? config.platform ?? "",
      ...measure(join(target, name)),
    })),
  };
}

/** The models of a layout; the entry is the first. */
export function repositoryModels(compiled: Program, { layout = "executor" }: BuildOptions = {}): RepositoryModel[] {
  const { plan } = compiled;
  const used = new Set(plan.steps.map(step => step.id));
  const steps = compiled.steps.filter(step => used.has(step.id));
  const maxBatchSize = (compiled.graph.options.maxBatchSize as number | undefined) ?? DEFAULT_MAX_BATCH_SIZE;
  if (layout === "ensemble") return ensembleModels(plan, steps, maxBatchSize);
  return [planModel({ ...entryConfig(plan, maxBatchSize), name: plan.name }, plan, steps), ...onnxModels(steps)];
}

function writeArtefact(file: ArtefactFile, version: string): void {
  const to = join(version, file.to);
  mkdirSync(dirname(to), { recursive: true });
  if ("from" in file) copyArtefact(file.from, to);
  else writeFileSync(to, "text" in file ? file.text : file.bytes);
}

function copyArtefact(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (statSync(from).isDirectory()) cpSync(from, to, { recursive: true });
  else copyFileSync(from, to);
}

/** Models of other programs come along as hard links. */
function keepOthers(from: string, to: string, ours: ReadonlySet<string>): void {
  if (!existsSync(from)) return;
  for (const entry of readdirSync(from)) if (!ours.has(entry)) linkTree(join(from, entry), join(to, entry));
}

function linkTree(from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    linkSync(from, to);
    return;
  }
  mkdirSync(to);
  for (const entry of readdirSync(from)) linkTree(join(from, entry), join(to, entry));
}

function measure(folder: string): { files: number; bytes: number } {
  let [files, bytes] = [0, 0];
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    files++;
    bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return { files, bytes };
}
