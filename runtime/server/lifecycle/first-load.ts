/**
 * The start of a server: its options are checked, then the first models load.
 */

import { stat } from "node:fs/promises";
import { internal, invalid, RuntimeFault, STATUS } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import { chooseCache } from "../cache/choose-cache.js";
import type { ResponseCache } from "../cache/local-cache.js";
import { type IndexEntry, UNLOADED } from "../models/model-states.js";
import type { Registry } from "../models/registry-types.js";
import type { ServerLog } from "../observe/server-log.js";
import type { OpenOptions } from "./server-options.js";
import { stopModels } from "./stop-models.js";

/**
 * Checks the options before anything is loaded.
 * @returns `failed` where the server is to stay nevertheless
 * @throws RuntimeFault
 */
export async function requireGood(
  options: OpenOptions,
  log: ServerLog,
  budget: MemoryBudget,
): Promise<{ readonly cache?: ResponseCache | undefined; readonly failed: boolean }> {
  try {
    await requireRepositories(options.modelRepositories);
    return {
      cache: chooseCache(options.cacheConfig, options.cacheSize, { searched: options.cacheDirectory, log, budget }),
      failed: false,
    };
  } catch (error) {
    logMetrics(options, log);
    if (!options.exitOnError) {
      const { code, message } = RuntimeFault.from(error);
      log.error("tritonserver", `${STATUS[code].label}: ${message}`);
      return { failed: true };
    }
    log.info("server", "No server context available. Exiting immediately.");
    throw error;
  }
}

/** The models that failed end the start. */
export class LoadFault extends RuntimeFault {
  /** @param failures of each version that did not load its name, its number and the reason */
  constructor(readonly failures: readonly IndexEntry[]) {
    super("INTERNAL", "failed to load all models");
  }
}

/** @throws RuntimeFault when a model fails and that is to end the server */
export async function loadFirst(registry: Registry, options: OpenOptions, log: ServerLog): Promise<void> {
  const explicit = options.modelControlMode === "explicit";
  const all = !explicit || options.loadModels.includes("*");
  const mixed = explicit && all && options.loadModels.length > 1;
  const good = mixed
    ? false
    : all || options.loadModels.length > 0
      ? await registry.start(all ? [] : options.loadModels)
      : true;
  const entries = await registry.index();
  log.table("server", modelsTable(entries, registry.empty()));
  logMetrics(options, log);
  if (good) return;
  if (!mixed && !options.exitOnError) return log.error("tritonserver", "Internal: failed to load all models");
  await stopModels(registry, options.exitTimeoutSeconds * 1000, log);
  if (!mixed) throw new LoadFault(entries.filter(({ reason }) => reason !== undefined && reason !== UNLOADED));
  throw invalid("Wildcard model name '*' must be the ONLY startup model if specified at all.");
}

function logMetrics({ metrics, allowCpuMetrics }: OpenOptions, log: ServerLog): void {
  if (metrics && allowCpuMetrics) log.info("metrics", "Collecting CPU metrics");
}

/** Stores of clouds, which this server reads as little as a Triton that was built without them. */
const BUCKETS = [
  ["gs://", "GCS"],
  ["as://", "AZURE_STORAGE"],
] as const;

async function requireRepositories(folders: readonly string[]): Promise<void> {
  if (folders.length === 0) throw invalid("--model-repository must be specified");
  for (const folder of folders) {
    const bucket = BUCKETS.find(([scheme]) => folder.startsWith(scheme));
    if (bucket)
      throw internal(`${bucket[0]} file-system not supported. To enable, build with -DTRITON_ENABLE_${bucket[1]}=ON.`);
    const found = await stat(folder).catch(() => undefined);
    if (!found) throw internal(`failed to stat file ${folder}`);
    if (!found.isDirectory()) throw invalid("repository path is not a valid directory");
  }
}

/**
 * A table of the log.
 * @param rows the head first
 */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)));
  const rule = `+${widths.map(width => "-".repeat(width + 2)).join("+")}+`;
  const [head, ...body] = rows.map(row => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`);
  return `${[rule, head, rule, ...body, rule].join("\n")}\n`;
}

function modelsTable(entries: readonly IndexEntry[], empty: readonly string[]): string {
  const known = entries.flatMap(({ name, version, state, reason }) =>
    state === undefined ? [] : [[name, version ?? "-", reason ? `${state}: ${reason.trimEnd()}` : state]],
  );
  const bare = empty.map(name => [name, "-", "Not loaded: No model version was found"]);
  const rows = [...known, ...bare].sort(([a], [b]) => (a! < b! ? -1 : a! > b! ? 1 : 0));
  return table([["Model", "Version", "Status"], ...rows]);
}
