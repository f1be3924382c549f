/**
 * The results of a run, group by group, as Markdown: counts, then every known difference under its reason.
 */
import type { Known } from "./known.js";
import type { Outcome } from "./run-group.js";

export interface GroupResult {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
}

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
const equalOf = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ differences }) => differences.length === 0).length;

export function printReport(results: readonly GroupResult[], known: Known): string {
  const all = results.flatMap(({ outcomes }) => outcomes);
  const rows = [...results, { name: "**all**", outcomes: all }].map(({ name, outcomes }) => {
    const equal = equalOf(outcomes);
    return `| ${name} | ${outcomes.length} | ${equal} | ${outcomes.length - equal} | ${percent(equal, outcomes.length)} |`;
  });
  const reasons = new Map<string, string[]>();
  for (const { id, differences } of all) {
    const reason = known.get(id) ?? "not listed";
    if (differences.length > 0) reasons.set(reason, [...(reasons.get(reason) ?? []), id]);
  }
  const listed = [...reasons]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, ids]) => `- **${reason}** (${ids.length}): \`${ids.join(", ")}\``);
  return `${[
    "# Answers beside those of Triton 2.73",
    "",
    "Written by `npm run conformance -- --report`: every recorded request of `data/protocol` sent to this server, its answer compared with Triton's under the records' masks.",
    "The recorded state is server e1db8a603 (2.73.0dev, after 26.08). The differences that clients of releases see are in [docs/reference/triton-releases.md](../../docs/reference/triton-releases.md).",
    "",
    "| group | records | equal | different | |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    "## Known differences, each with its reason",
    "",
    ...listed,
  ].join("\n")}\n`;
}
