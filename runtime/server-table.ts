/**
 * The start-up table of models: index entries → text with a column each for model, version and status.
 */
import type { IndexEntry } from "./repository/registry.js";

export function modelsTable(entries: readonly IndexEntry[]): string {
  const rows = entries
    .filter(({ state }) => state !== undefined)
    .map(({ name, version, state, reason }) => [
      name,
      version ?? "-",
      reason ? `${state}: ${reason.trimEnd()}` : state!,
    ]);
  const all = [["Model", "Version", "Status"], ...rows];
  const widths = [0, 1, 2].map(i => Math.max(...all.map(row => row[i]!.length)));
  const rule = `+${widths.map(width => "-".repeat(width + 2)).join("+")}+`;
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return `\n${[rule, line(all[0]!), rule, ...rows.map(line), rule].join("\n")}\n\n`;
}
