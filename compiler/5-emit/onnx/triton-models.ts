/**
 * Plan → the models of `--target triton`: ONNX graphs alone, so that a stock Triton runs them. Fused, the entry is one graph; else it schedules a
 * graph per step.
 */

import { readFileSync } from "node:fs";
import { type Entry, entryConfig } from "../../../contract/entry-config.js";
import type { FeastTables } from "../../../contract/feast-tables.js";
import { type FittedPlan, type Plan, printPlan, REQUEST_STEP, type Step } from "../../../contract/plan.js";
import { faultOf, KEEP, type Key, LoweringFault, type WholeSearch } from "../../../operators/shared/onnx/lowering.js";
import type { InferredStep } from "../../3-graph/infer.js";
import { finishGraph, type GraphFiles } from "../../onnx/finish-graph.js";
import { TRITON_DEFAULT, TRITON_RELEASES, type TritonRelease } from "../../onnx/triton-releases.js";
import { emitEnsemble } from "../ensemble/emit-ensemble.js";
import { liveSteps } from "../ensemble/refs.js";
import { clashOf, makesNothing } from "../ensemble/refusals.js";
import { type StageSplit, splitIntoStages } from "../ensemble/split-into-stages.js";
import { withStockThreads } from "../onnx-threads.js";
import type { RepositoryModel } from "../repository-model.js";
import { dynamicBatching, instanceGroups } from "../settings/apply-settings.js";
import type { Settings } from "../settings/read-settings.js";
import { drawingInstances } from "./drawing-instances.js";
import { type FrozenView, frozenViews, printFrozen } from "./frozen-views.js";
import { type LowerOptions, lowerPlan } from "./lower-plan.js";
import { NotLoweredError } from "./not-lowered.js";
import { onnxTarget } from "./onnx-target.js";
import { graphFiles, programParameter } from "./program-parameter.js";
import { withStepFolders } from "./step-folder.js";

export interface TritonOptions {
  /** A release of Triton, `26.08`; the newest that is not later is used. */
  readonly release?: string;
  /** The whole ensemble in one graph. */
  readonly fuse?: boolean;
  /** How an IVF index is searched: as FAISS does, or exactly. */
  readonly ivf?: "probe" | "exact";
  /** The source of features: frozen into the repository, or inputs of the request. */
  readonly features?: "frozen" | "inputs";
  /** Most bytes of one graph; protobuf's 2 GB unless given. */
  readonly limit?: number;
  /** Reads a store as a whole. @param folder of the Feast repository @param now seconds since 1970 */
  freeze(step: Step<"queryFeast">, folder: string, now: number): FeastTables;
  /** Seconds since 1970: the date of the snapshot, and what is older than its ttl; the clock's unless given. */
  readonly now?: number;
}

export interface TritonModels {
  readonly models: readonly RepositoryModel[];
  readonly notes: readonly string[];
  readonly frozen: readonly FrozenView[];
  /** Keys of look-ups, by the name of the column: useful test values. */
  readonly keys: ReadonlyMap<string, readonly Key[]>;
  /** Steps that search all of an index that their kernel searches in part. */
  readonly whole: ReadonlyMap<string, WholeSearch>;
}

export function tritonModels(
  plan: FittedPlan,
  steps: readonly InferredStep[],
  entry: Entry,
  settings: Settings,
  options: TritonOptions,
): TritonModels {
  refuseClashes(plan, entry);
  if (!options.fuse) refuseNothing(plan);
  const notes = new Set<string>();
  const frozen: FrozenView[] = [];
  const keys = new Map<string, Key[]>();
  const whole = new Map<string, WholeSearch>();
  const now = options.now ?? Math.floor(Date.now() / 1000);
  const inferred = new Map(steps.map(step => [step.id, step]));
  return withStepFolders(steps, file => {
    const lower: LowerOptions = {
      release: releaseOf(options.release ?? TRITON_DEFAULT),
      form: entry.form,
      program: plan.name,
      ...(entry.nullable && { nullable: entry.nullable }),
      ivf: options.ivf ?? "probe",
      limit: options.limit,
      file: (step, path) => file(step.id, path),
      feast: step => {
        if (step.params.ttl !== undefined && options.now === undefined)
          notes.add(
            `step \`${step.label}\` leaves values out that are older than their \`ttl\` now: another day's build is another. \`--date\` makes one that can be repeated.`,
          );
        const tables = frozenTables(step, options, file(step.id, step.artefacts.repository), now);
        frozen.push(...frozenViews(plan.name, step, tables, options.now));
        return tables;
      },
      model: step => modelFile(inferred.get(step.id)!),
      keys: (column, values) => void keys.set(column, [...(keys.get(column) ?? []), ...spread(values)]),
      searchesAll: (step, index) => void whole.set(step, index),
      note: text => void notes.add(text),
    };
    const models = options.fuse
      ? [fusedModel(plan, entry, settings, lower)]
      : stepModels(splitIntoStages(plan, steps, entry), settings, lower);
    const told = frozen.length > 0 ? printFrozen(frozen) : undefined;
    const [first, ...rest] = models;
    const withFrozen = told ? { ...first!, files: [...first!.files, { to: "frozen.json", text: told }] } : first!;
    return {
      models: [withFrozen, ...rest].map(model => withStockThreads(model, settings.onnxThreads)),
      notes: [...notes, ...settingsNotes(settings, options)],
      frozen,
      keys,
      whole,
    };
  });
}

const SOME_KEYS = 24;

/** Some of them, first and last among them. */
function spread(values: ArrayLike<Key>): Key[] {
  const count = Math.min(SOME_KEYS, values.length);
  return Array.from(
    { length: count },
    (_, i) => values[Math.round((i * (values.length - 1)) / Math.max(1, count - 1))]!,
  );
}

/** @throws LoweringFault for a store that can't be read as a whole */
function frozenTables(step: Step<"queryFeast">, { freeze }: TritonOptions, folder: string, now: number): FeastTables {
  try {
    return freeze(step, folder, now);
  } catch (error) {
    throw new LoweringFault(
      `step \`${step.label}\` (queryFeast) can't be frozen: ${(error as Error).message.replace(/\.$/, "")}`,
      `Materialize its views into SQLite (\`merlon feast materialize\`), send a user's features with the request (\`--features inputs\`), or ${KEEP}.`,
    );
  }
}

function settingsNotes({ warmup, dynamicBatching: queue }: Settings, { fuse }: TritonOptions): string[] {
  return [
    ...(warmup.length > 0 ? ["`warmup` is left out: it counts with `--target merlon`."] : []),
    ...(queue && fuse
      ? ["`dynamicBatching` joins requests: a user's row may then be filled up to the longest row of another request."]
      : []),
    ...(queue && !fuse
      ? ["`dynamicBatching` is left out: a Triton ensemble has no queue. It counts with `--fuse`."]
      : []),
  ];
}

/** The newest known release that is no later. @throws Error for one that is none, or too old */
export function releaseOf(text: string): TritonRelease {
  if (!/^\d\d\.\d\d$/.test(text))
    throw new Error(`\`--triton-release ${text}\` is not a release of Triton: write year and month, as in 26.08.`);
  const found = TRITON_RELEASES.filter(row => row.release <= text).at(-1);
  if (found) return found;
  throw new Error(
    `Triton ${text} is older than ${TRITON_RELEASES[0]!.release}, and its ONNX Runtime lacks operators that are needed.`,
  );
}

function modelFile({ model }: InferredStep): { readonly path: string; readonly bytes: Uint8Array } {
  const { from, bytes } = model!;
  return { path: from, bytes: bytes ?? readFileSync(from) };
}

function finished(plan: FittedPlan, options: LowerOptions): GraphFiles {
  const g = lowerPlan(plan, options);
  try {
    return finishGraph(g, plan.name, options.release, { limit: options.limit });
  } catch (error) {
    const fault = faultOf(error);
    throw fault ? new NotLoweredError(plan.name, [fault]) : error;
  }
}

const stepModels = (split: StageSplit, settings: Settings, options: LowerOptions): readonly RepositoryModel[] =>
  emitEnsemble(split, onnxTarget(split, settings, options), settings);

function fusedModel(plan: FittedPlan, entry: Entry, settings: Settings, options: LowerOptions): RepositoryModel {
  const graph = finished(plan, options);
  const { backend: _, ...config } = entryConfig(plan, entry);
  return {
    name: entry.name,
    config: {
      ...config,
      backend: "onnxruntime",
      ...programParameter(plan),
      ...dynamicBatching(settings),
      ...instanceGroups(
        drawingInstances(liveSteps(plan), settings.onnxInstanceGroups ?? settings.instanceGroups, options.note),
      ),
      ...(settings.responseCache && { response_cache: { enable: true } }),
    },
    files: [{ to: "plan.json", text: printPlan(plan) }, ...graphFiles(graph)],
  };
}

/**
 * Plans that no Triton ensemble can express, as faults of a lowering.
 * @throws NotLoweredError with a way out
 */
function refuseNothing(plan: Plan): void {
  const { name } = plan;
  if (makesNothing(plan))
    throw new NotLoweredError(name, [
      new LoweringFault(
        `\`${name}\` answers columns of the request as they are: a Triton ensemble needs a step that makes something`,
        "Build with `--fuse`.",
      ),
    ]);
}

/** @throws NotLoweredError with a way out */
function refuseClashes(plan: Plan, entry: Entry): void {
  const clash = clashOf(plan, entry);
  if (!clash) return;
  const { step } = clash.output.ref;
  throw new NotLoweredError(plan.name, [
    new LoweringFault(
      `\`${plan.name}\` answers \`${clash.name}\`, and the request has another column of that name: a graph and an ensemble have one tensor of a name`,
      `Rename the answer (\`>> rename({ postfix: "_out" })\`), or ${KEEP}.`,
      step === REQUEST_STEP ? undefined : step,
    ),
  ]);
}
