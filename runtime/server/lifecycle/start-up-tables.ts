/**
 * The tables that a server prints when it has started: repository agents, back ends, models, options.
 */
import { backendFile } from "../backends/index.js";
import type { IndexEntry } from "../models/model-states.js";
import { extensionsOf } from "../requests/metadata.js";
import type { OpenOptions } from "./server-options.js";

/** @param rows the head first */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)));
  const rule = `+${widths.map(width => "-".repeat(width + 2)).join("+")}+`;
  const [head, ...body] = rows.map(row => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`);
  return `${[rule, head, rule, ...body, rule].join("\n")}\n`;
}

export const agentsTable = (): string => table([["Repository Agent", "Path"]]);

/** The back ends of models that are served. Triton prints a library's path; here it is a module's. */
export function backendsTable(
  names: readonly string[],
  { disableAutoComplete, backendConfig, shown }: Pick<OpenOptions, "disableAutoComplete" | "backendConfig" | "shown">,
): string {
  const rows = [...new Set(names)].sort().map(name => [
    name,
    backendFile(name),
    JSON.stringify({
      cmdline: {
        "auto-complete-config": String(!disableAutoComplete),
        "min-compute-capability": shown.minSupportedComputeCapability.toFixed(6),
        "default-max-batch-size": "4",
        ...backendConfig[""],
        ...backendConfig[name],
      },
    }),
  ]);
  return table([["Backend", "Path", "Config"], ...rows]);
}

export function modelsTable(entries: readonly IndexEntry[], empty: readonly string[]): string {
  const known = entries.flatMap(({ name, version, state, reason }) =>
    state === undefined ? [] : [[name, version ?? "-", reason ? `${state}: ${reason.trimEnd()}` : state]],
  );
  const bare = empty.map(name => [name, "-", "Not loaded: No model version was found"]);
  const rows = [...known, ...bare].sort(([a], [b]) => (a! < b! ? -1 : a! > b! ? 1 : 0));
  return table([["Model", "Version", "Status"], ...rows]);
}

export function optionsTable(options: OpenOptions, cached: boolean): string {
  const flag = (on: boolean): string => (on ? "1" : "0");
  return table([
    ["Option", "Value"],
    ["server_id", options.id],
    ["server_version", options.serverVersion],
    ["server_extensions", extensionsOf(options.trace !== undefined).join(" ")],
    ...options.modelRepositories.map((path, i) => [`model_repository_path[${i}]`, path]),
    ["model_control_mode", `MODE_${options.modelControlMode.toUpperCase()}`],
    ...options.loadModels.map((name, i) => [`startup_models_${i}`, name]),
    ["strict_model_config", flag(options.disableAutoComplete)],
    ["model_config_name", options.modelConfigName],
    ["rate_limit", options.rateLimit ? "EXEC_COUNT" : "OFF"],
    ["pinned_memory_pool_byte_size", String(options.shown.pinnedMemoryPoolByteSize)],
    ["min_supported_compute_capability", options.shown.minSupportedComputeCapability.toFixed(1)],
    ["strict_readiness", flag(options.strictReadiness)],
    ["exit_timeout", String(options.exitTimeoutSeconds)],
    ["cache_enabled", flag(cached)],
  ]);
}
