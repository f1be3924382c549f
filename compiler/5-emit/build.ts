/**
 * Compiled program → model repository on disk: the entry model with its plan and artefacts, and one model per ONNX file. Byte-stable for equal
 * input, relocatable, and put in place in one step.
 */
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readOnnxSignature } from "../../triton-protos/artefacts/onnx.js";
import { replaceFolder, stagingFolder } from "../../triton-protos/artefacts/replace-folder.js";
import { printModelConfig } from "../../triton-protos/model-config.js";
import { type Plan, printPlan } from "../../triton-protos/plan.js";
import type { Compiled } from "../compile.js";
import type { ArtefactFile } from "../ops/define-op.js";
import { entryConfig, onnxConfig } from "./configs.js";

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

/**
 * Writes the repository. Models of other programs that stand in `out` stay.
 * @param out repository folder; made when missing
 */
export function build(compiled: Compiled, out: string): Built {
  const { plan } = compiled;
  const target = resolve(out);
  const staging = stagingFolder(target);
  const used = new Set(plan.steps.map(step => step.id));
  const steps = compiled.steps.filter(step => used.has(step.id));
  const onnx = new Map(steps.flatMap(step => (step.model ? [[step.model.name, step.model.from] as const] : [])));

  const version = makeVersion(staging, plan.name);
  writeFileSync(join(version, "plan.json"), printPlan(plan));
  for (const file of steps.flatMap(step => step.files ?? [])) writeArtefact(file, version);
  const maxBatchSize = (compiled.graph.options.maxBatchSize as number | undefined) ?? DEFAULT_MAX_BATCH_SIZE;
  writeFileSync(join(staging, plan.name, "config.pbtxt"), printModelConfig(entryConfig(plan, maxBatchSize)));
  for (const [name, from] of onnx) {
    const signature = readOnnxSignature(from);
    const folder = makeVersion(staging, name);
    copyArtefact(from, join(folder, "model.onnx"));
    for (const external of signature.externalData) copyArtefact(join(dirname(from), external), join(folder, external));
    writeFileSync(join(staging, name, "config.pbtxt"), printModelConfig(onnxConfig(name, signature)));
  }

  const models = [plan.name, ...onnx.keys()];
  keepOthers(target, staging, new Set(models));
  replaceFolder(staging, target);
  return {
    folder: target,
    plan,
    models: models.map(name => ({
      name,
      backend: name === plan.name ? "merlon" : "onnxruntime",
      ...measure(join(target, name)),
    })),
  };
}

function makeVersion(repository: string, model: string): string {
  const version = join(repository, model, "1");
  mkdirSync(version, { recursive: true });
  return version;
}

function writeArtefact(file: ArtefactFile, version: string): void {
  const to = join(version, file.to);
  mkdirSync(dirname(to), { recursive: true });
  if ("from" in file) copyArtefact(file.from, to);
  else writeFileSync(to, file.text);
}

function copyArtefact(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (statSync(from).isDirectory()) cpSync(from, to, { recursive: true });
  else copyFileSync(from, to);
}

/** Models that this build does not write come along as hard links. */
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
