/**
 * The calls of both protocols besides inference: readiness, metadata, configuration, statistics, repository, settings. Answers are the protos' messages.
 */

import { nameFault } from "../../../contract/files/model-name.js";
import { choosesByOutcome } from "../../../contract/step-facts.js";
import type {
  ModelMetadataResponse,
  ModelStatistics,
  ServerMetadataResponse,
} from "../../../triton-protos/gen/messages.js";
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import type { ShadowCounters } from "../../engine/schedule/kernel.js";
import type { StageCounters } from "../../engine/schedule/stage-counters.js";
import type { IndexEntry } from "../models/model-states.js";
import type { Override } from "../models/override.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import { printStatistics } from "../observe/statistics.js";
import { joinTraces } from "../observe/tracing/join-traces.js";
import type { RecentRequests } from "../observe/tracing/recent-requests.js";
import type { TraceNotes } from "../observe/tracing/trace.js";
import type { Tracer } from "../observe/tracing/tracer.js";
import { describeModel, extensionsOf } from "./metadata.js";
import { createSharedMemory, type SharedMemory } from "./shared-memory.js";
import { parseVersion } from "./version.js";

/** `loading`: until the first models are loaded; `failed`: it stays though it could not start (`--exit-on-error=false`). */
export type ServerState = "loading" | "failed" | "serving" | "stopping";

export interface CallOptions {
  readonly id: string;
  readonly control: "none" | "poll" | "explicit";
  readonly strictReadiness: boolean;
  readonly allowClientShm: boolean;
  readonly keepHeaders?: boolean;
  /** The names in the metadata. */
  readonly serverVersion: string;
}

/** A server of several workers needs time for it. */
type Later<T> = T | Promise<T>;

export interface StagedStatistics extends ModelStatistics {
  readonly stages?: readonly {
    readonly name: string;
    readonly op: string;
    readonly success: { readonly count: number; readonly ns: number };
    readonly fail: { readonly count: number };
    readonly rows_in: number;
    readonly rows_out: number;
    /** For a `fallback`: number of fallbacks. */
    readonly fallbacks?: number;
    /** For a `mergeCandidates`: candidates of each source, and runs without it. */
    readonly sources?: readonly {
      readonly name: string;
      readonly found: number;
      readonly kept: number;
      readonly unscored: number;
      readonly left_out: number;
    }[];
    /** For a step with joins: the rows that they looked up, and those with a match. */
    readonly joins?: readonly { readonly name: string; readonly rows: number; readonly matched: number }[];
    /** Phrases for the lacks of every run of the last minute. */
    readonly empty?: readonly string[];
    /** For a `split`: rows of each arm, and faults of steps that it alone needs. */
    readonly arms?: readonly {
      readonly name: string;
      readonly rows: number;
      readonly failures: number;
      readonly stopped: boolean;
    }[];
    /** For a `shadow`: requests by result, and the differences of lists and scores. */
    readonly shadow?: {
      readonly runs: ShadowCounters["runs"];
      readonly lists: ShadowCounters["lists"];
      readonly overlap: number;
      readonly scores: number;
      readonly score_difference: number;
    };
    /** For a `cached` stage: rows found, and rows computed. */
    readonly cache_hit?: { readonly count: number };
    readonly cache_miss?: { readonly count: number };
  }[];
}

export interface ServerCalls {
  readonly options: CallOptions;
  readonly memory: SharedMemory;
  /** None on a server without tracing. */
  readonly tracer?: Tracer;
  /**
   * Opens the trace of a request: the sampled one, the page's, or both. Missing while neither is enabled.
   * @param traceparent the client's header
   */
  readonly sample?: ((model: string, traceparent?: string) => TraceNotes | undefined) | undefined;
  /** Requests carry the client's headers on to the models. */
  readonly keepHeaders?: boolean;
  /** Class names of an output: the model's own, or those of the ensemble step that makes it. */
  labels(version: ReadyVersion, output: string): readonly string[];
  /** False for a server that could not start and stays; its ports are open all the same. */
  isLive(): boolean;
  isReady(): boolean;
  serverMetadata(): ServerMetadataResponse;
  /** @throws RuntimeFault */
  find(model: string, version: string): ReadyVersion;
  /** False for a model that doesn't exist, too, as in Triton's releases. @throws RuntimeFault for a version that is not a number */
  isModelReady(model: string, version: string): boolean;
  modelMetadata(model: string, version: string): ModelMetadataResponse;
  modelConfig(model: string, version: string): ModelConfig;
  statistics(model: string, version: string): Later<readonly ModelStatistics[]>;
  /** The same, and the counters of plans' stages, for which Triton's message has no field. */
  statisticsWithStages(model: string, version: string): Later<readonly StagedStatistics[]>;
  index(readyOnly: boolean): Promise<readonly IndexEntry[]>;
  load(model: string, override?: Override): Promise<void>;
  /** @param dependents also unload an ensemble's members that were loaded only for it */
  unload(model: string, dependents?: boolean): Promise<void>;
}

/**
 * While the server is loading or failed, whatever concerns models is refused, as by Triton's core. Serves the calls of the server itself
 * (metadata, log and trace settings, memory regions).
 */
export function createCalls(
  registry: Registry,
  options: CallOptions,
  state: () => ServerState,
  tracer?: Tracer,
  recent?: RecentRequests,
): ServerCalls {
  const requireStarted = (): void => {
    const now = state();
    if (now === "loading" || now === "failed") throw unavailable("Server not ready");
  };
  const find = (model: string, version: string): ReadyVersion => {
    requireStarted();
    return registry.find(model, parseVersion(version));
  };
  const asked = (model: string, version: string): readonly ReadyVersion[] => {
    requireStarted();
    return versionsOf(registry, model, version);
  };
  const sample = sampler(tracer, recent);
  return {
    options,
    memory: createSharedMemory(),
    ...(tracer && { tracer }),
    ...(options.keepHeaders && { keepHeaders: true }),
    get sample() {
      return tracer?.isOn || recent ? sample : undefined;
    },
    labels: (version, output) => labelsOf(registry, version, output),
    isLive: () => state() !== "failed",
    isReady: () => state() === "serving" && (!options.strictReadiness || registry.allReady()),
    serverMetadata: () => ({
      name: options.id,
      version: options.serverVersion,
      extensions: extensionsOf(tracer !== undefined),
    }),
    find,
    isModelReady(model, version) {
      requireStarted();
      const number = parseVersion(version);
      try {
        registry.find(model, number);
        return true;
      } catch (error) {
        if (error instanceof RuntimeFault) return false;
        throw error;
      }
    },
    modelMetadata(model, version) {
      const { config, version: number, namespace } = find(model, version);
      const versions = registry
        .ready()
        .flatMap(other => (other.model === model && other.namespace === namespace ? [other.version] : []));
      return describeModel(config, version ? [number] : versions);
    },
    modelConfig: (model, version) => find(model, version).config,
    statistics: (model, version) => asked(model, version).map(statisticsOf),
    statisticsWithStages: (model, version) =>
      asked(model, version).map(one => {
        const { stages } = one.loaded;
        return stages ? { ...statisticsOf(one), stages: stages.map(printStage) } : statisticsOf(one);
      }),
    async index(readyOnly) {
      requireStarted();
      const entries = await registry.index();
      return readyOnly ? entries.filter(({ state }) => state === "READY") : entries;
    },
    async load(model, override) {
      requireStarted();
      requireExplicit(options);
      requireName(model);
      await registry.load(model, override);
    },
    async unload(model, dependents) {
      requireStarted();
      requireExplicit(options);
      await registry.unload(model, dependents);
    },
  };
}

/** @throws RuntimeFault */
function requireExplicit({ control }: CallOptions): void {
  if (control !== "explicit") throw unavailable("explicit model load / unload is not allowed if polling is enabled");
}

/** @throws RuntimeFault with Triton's text */
function requireName(model: string): void {
  const fault = nameFault(model);
  if (fault === "empty") throw invalid("Model name cannot be empty. Please enter a valid name to deploy.");
  if (fault === "traversal")
    throw invalid(`invalid model name '${model}', model name must not contain path traversal characters`);
}

/**
 * Ready versions: without a name all of them, without a version all of a model. @throws RuntimeFault if there is none, or the name is
 * ambiguous
 */
function versionsOf(registry: Registry, model: string, version: string): readonly ReadyVersion[] {
  const ready = registry.ready();
  if (!model) return ready;
  const number = parseVersion(version);
  const found = ready.filter(one => one.model === model && (number === -1 || one.version === number));
  const ambiguous = new Set(found.map(({ namespace }) => namespace)).size > 1;
  if (found.length === 0 || ambiguous) throw invalid(notAvailable(model, ambiguous ? [] : ready));
  return found;
}

/** Class names of an output: the model's own, or those of the ensemble step that makes it. */
function labelsOf(registry: Registry, version: ReadyVersion, output: string): readonly string[] {
  const own = version.labels.get(output);
  if (own) return own;
  for (const step of version.config.ensemble_scheduling?.step ?? [])
    for (const [member, tensor] of Object.entries(step.output_map))
      if (tensor === output) {
        const made = registry.find(step.model_name, step.model_version, { near: step.model_namespace });
        return labelsOf(registry, made, member);
      }
  return [];
}

const sampler =
  (tracer: Tracer | undefined, recent: RecentRequests | undefined): NonNullable<ServerCalls["sample"]> =>
  (model, traceparent) => {
    const [traced, noted] = [tracer?.sample(model, traceparent), recent?.sample(model)];
    return traced && noted ? joinTraces(traced, noted) : (traced ?? noted);
  };

const statisticsOf = ({ model, version, statistics }: ReadyVersion): ModelStatistics =>
  printStatistics(model, String(version), statistics);

const printStage = ({
  stage,
  op,
  runs,
  seconds,
  failures,
  rowsIn,
  rowsOut,
  fallbacks,
  cacheHits,
  cacheMisses,
  parts,
  joins,
  empty,
  arms,
  shadow,
}: StageCounters) => ({
  name: stage,
  op,
  success: { count: runs, ns: Math.round(seconds * 1e9) },
  fail: { count: failures },
  rows_in: rowsIn,
  rows_out: rowsOut,
  ...(choosesByOutcome(op) && { fallbacks }),
  ...(parts && {
    sources: parts.map(({ name, found, kept, unscored, leftOut }) => ({
      name,
      found,
      kept,
      unscored,
      left_out: leftOut,
    })),
  }),
  ...(joins && { joins: joins.map(({ name, rows, matched }) => ({ name, rows, matched })) }),
  ...(empty && empty.length > 0 && { empty }),
  ...(arms && {
    arms: arms.map(({ name, rows, failures, isStopped }) => ({ name, rows, failures, stopped: isStopped })),
  }),
  ...(shadow && {
    shadow: {
      runs: shadow.runs,
      lists: shadow.lists,
      overlap: shadow.overlap,
      scores: shadow.scores,
      score_difference: shadow.scoreDifference,
    },
  }),
  ...(cacheHits + cacheMisses > 0 && { cache_hit: { count: cacheHits }, cache_miss: { count: cacheMisses } }),
});

const notAvailable = (model: string, ready: readonly ReadyVersion[]): string =>
  ready.some(one => one.model === model)
    ? `requested model version is not available for model '${model}'`
    : `requested model '${model}' is not available`;
