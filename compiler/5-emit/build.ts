/**
 * Compiled program → model repository on disk: the entry model with its plan and artefacts, and one model per ONNX file. Byte-stable for equal
 * input, relocatable, and put in place in one step.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fittedPlan } from "../../contract/any-step.js";
import type { Entry } from "../../contract/entry-config.js";
import { expandFused } from "../../contract/expand-fused.js";
import { modelName } from "../../contract/files/model-name.js";
import { joinInside, pathInside } from "../../contract/files/path-inside.js";
import type { Plan } from "../../contract/plan.js";
import { withoutLog } from "../../contract/restrict-plan.js";
import { isShadow, withoutShadows } from "../../contract/shadows.js";
import type { BuiltFrom } from "../../formats/folders/manifest.js";
import { withFeatureInputs } from "../../operators/query-feast/onnx.js";
import type { ArtefactFile } from "../../operators/shared/author/define-op.js";
import type { Compiled } from "../compile.js";
import { entryOf, type Names } from "./configs.js";
import { copyStore } from "./copy-store.js";
import { nullableAnswers, workflowsOf } from "./ensemble/nulls.js";
import { finishModel, isNoManifest } from "./finish-model.js";
import { executorModels } from "./merlon/executor-models.js";
import { type TritonModels, type TritonOptions, tritonModels } from "./onnx/triton-models.js";
import { projectPath, putModels } from "./put-models.js";
import type { RepositoryModel } from "./repository-model.js";
import { ensembleNotes } from "./settings/apply-settings.js";
import { readSettings, type Settings } from "./settings/read-settings.js";
import { stageModels } from "./stages/stage-target.js";

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
  /** Settings of the program that this layout has no place for, in sentences. */
  readonly notes: readonly string[];
}

/** `executor`: one model runs the plan in process. `ensemble`: one model per step, and an entry that schedules them. */
export const LAYOUTS = ["executor", "ensemble"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** The parts of a compiled program for a repository. */
export type Program = Pick<Compiled, "plan" | "steps" | "graph"> & Partial<Pick<Compiled, "changed" | "texts">>;

export interface BuildOptions {
  /** @default "executor" */
  readonly layout?: Layout;
  /** Instead of what the program says. */
  readonly names?: Names;
  /** For a stock Triton: ONNX models alone. `layout` then says nothing. */
  readonly triton?: TritonOptions;
}

/**
 * Writes the program's models into a repository, in the place of those of an earlier build. Other entries of the repository stay as they are.
 * @param out repository folder; made when missing
 * @throws Error naming a folder that is not a repository, or a model that is not the program's; the repository is then as before
 */
export function build(compiled: Program, out: string, options: BuildOptions = {}): Built {
  const { plan, texts = [] } = compiled;
  const { version } = settingsOf(compiled, options);
  const { models, notes } = programModels(compiled, options);
  const names = models.map(({ name }) => modelName(name));
  const [file] = texts;
  const program: BuiltFrom = {
    kind: plan.kind,
    name: plan.name,
    entry: names[0]!,
    ...(file !== undefined && { file: projectPath(file) }),
  };
  const put = putModels({
    out,
    program,
    names,
    reads: texts,
    write(folder, repository) {
      for (const model of models) writeModel(model, { folder, repository, version: String(version), program });
      // Copied by now: what changed before that is not what the plan was made for.
      const [changed] = compiled.changed?.() ?? [];
      if (changed) throw new Error(`${changed.message} ${changed.help}`);
    },
  });
  return {
    folder: resolve(out),
    plan,
    models: models.map(({ name, config }) => ({
      name,
      backend: config.backend ?? config.platform ?? "",
      ...measure(join(put.repository, name)),
    })),
    notes: [...notes, ...put.notes],
  };
}

interface Place {
  /** Folder to write models into, and their later repository. */
  readonly folder: string;
  readonly repository: string;
  readonly version: string;
  readonly program: BuiltFrom;
}

function writeModel({ name, config, files, samples = [] }: RepositoryModel, place: Place): void {
  const folder = join(place.folder, name);
  const version = join(folder, place.version);
  mkdirSync(version, { recursive: true });
  for (const file of files) writeArtefact(file, version, join(place.repository, name, place.version));
  if (samples.length) mkdirSync(join(folder, "warmup"));
  for (const { to, bytes } of samples) writeFileSync(joinInside(join(folder, "warmup"), pathInside(to)), bytes);
  finishModel(folder, config, place.program);
}

interface ProgramModels {
  /** The entry is the first. */
  readonly models: readonly RepositoryModel[];
  readonly notes: readonly string[];
}

/** The models of a layout, or of a stock Triton. */
function programModels(compiled: Program, options: BuildOptions): ProgramModels {
  const { layout, triton } = options;
  const settings = settingsOf(compiled, options);
  if (!triton)
    return {
      models: repositoryModels(compiled, options),
      notes: layout === "ensemble" ? [...ensembleNotes(settings), ...leftOutNotes(compiled)] : [],
    };
  const models = lowered(compiled, options, triton);
  return { ...models, notes: [...models.notes, ...leftOutNotes(compiled)] };
}

/** Exposures are logged, and shadows run, where the plan runs whole. */
const leftOutNotes = ({ plan }: Program): readonly string[] => [
  ...(plan.log
    ? [
        "`log` is left out: these models have no exposure log. `merlon serve --exposures` writes it with `--layout executor`.",
      ]
    : []),
  ...plan.steps
    .filter(isShadow)
    .map(
      ({ label }) =>
        `the shadow \`${label}\` is left out: these models have one branch. \`--layout executor\` runs both.`,
    ),
];

/** The plan of layouts of several models. */
const ofResponses = (plan: Plan): Plan => withoutLog(withoutShadows(plan));

/** The models that `--target triton` builds for a program. */
export function lowered(compiled: Program, options: BuildOptions, triton: TritonOptions): TritonModels {
  const settings = settingsOf(compiled, options);
  // ONNX Runtime fuses for itself.
  const whole = ofResponses(expandFused(compiled.plan));
  const plan = triton.features === "inputs" ? withFeatureInputs(whole) : whole;
  const { steps, entry } = entryOfProgram(compiled, plan, settings, triton.fuse ? "executor" : "ensemble");
  return tritonModels(fittedPlan(plan), steps, entry, settings, triton);
}

const LAYOUT_MODELS = { executor: executorModels, ensemble: stageModels } satisfies Record<Layout, unknown>;

/** The models of a layout; the entry is the first. */
export function repositoryModels(compiled: Program, options: BuildOptions = {}): RepositoryModel[] {
  const { layout = "executor" } = options;
  const plan = layout === "ensemble" ? ofResponses(compiled.plan) : compiled.plan;
  const settings = settingsOf(compiled, options);
  const { steps, entry } = entryOfProgram(compiled, plan, settings, layout);
  return LAYOUT_MODELS[layout](plan, steps, entry, settings);
}

/** The entry of a plan, and the program's steps that the plan has. */
function entryOfProgram(
  compiled: Program,
  plan: Plan,
  settings: Settings,
  layout: Layout,
): { readonly steps: Compiled["steps"]; readonly entry: Entry } {
  const used = new Set(plan.steps.map(step => step.id));
  const steps = compiled.steps.filter(step => used.has(step.id));
  const nullable = nullableAnswers(plan, workflowsOf(steps));
  return { steps, entry: { ...entryOf(plan, settings.maxBatchSize, settings.names, layout), nullable } };
}

const settingsOf = ({ graph }: Program, { names }: BuildOptions): Settings =>
  readSettings({ ...graph.options, ...(names && { names }) });

/** @param earlier where an earlier build has the version's folder, if there is one */
function writeArtefact(file: ArtefactFile, version: string, earlier: string): void {
  const path = pathInside(file.to);
  const to = joinInside(version, path);
  mkdirSync(dirname(to), { recursive: true });
  if ("store" in file) copyStore(file.store, to, joinInside(earlier, path));
  else if ("from" in file) copyArtefact(file.from, to);
  else writeFileSync(to, "text" in file ? file.text : file.bytes);
}

/** The manifest of a fitted workflow stays behind: its files are in the model's, some of them changed. */
function copyArtefact(from: string, to: string): void {
  if (statSync(from).isDirectory()) cpSync(from, to, { recursive: true, dereference: true, filter: isNoManifest });
  else copyFileSync(from, to);
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
