/** The stages of plans → Prometheus lines. Only models with stages have them, so a repository without such models prints what Triton prints. */

import { choosesByOutcome } from "../../../contract/step-facts.js";
import { STAGE_SECONDS, type StageTally } from "../../engine/schedule/stage-counters.js";
import type { ReadyVersion } from "../models/ready-version.js";
import { nameLabels, printLabels } from "./metric-labels.js";

interface Counter {
  readonly name: string;
  readonly help: string;
  /** Extra label and value, of those stages that have something to tell. */
  series(tally: StageTally): readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

const COUNTERS: readonly Counter[] = [
  {
    name: "merlon_stage_rows_total",
    help: "Rows that a stage took in and gave out",
    series: tally => [
      [{ direction: "in" }, tally.rowsIn],
      [{ direction: "out" }, tally.rowsOut],
    ],
  },
  {
    name: "merlon_stage_failures_total",
    help: "Runs of a stage that ended with a fault",
    series: tally => [[{}, tally.failures]],
  },
  {
    name: "merlon_stage_fallbacks_total",
    help: "Runs in which a fallback took its other side",
    series: tally => (choosesByOutcome(tally.op) ? [[{}, tally.fallbacks]] : []),
  },
  {
    name: "merlon_stage_cache_rows_total",
    help: "Rows that a cached stage found, and those it computed",
    series: tally =>
      tally.cacheHits + tally.cacheMisses > 0
        ? [
            [{ result: "hit" }, tally.cacheHits],
            [{ result: "miss" }, tally.cacheMisses],
          ]
        : [],
  },
];

export function printStages(ready: readonly ReadyVersion[], lines: string[]): void {
  const tallies = ready.flatMap(version =>
    (version.loaded.stages ?? []).map(tally => ({ tally, labels: { ...nameLabels(version), stage: tally.stage } })),
  );
  if (tallies.length === 0) return;
  const name = "merlon_stage_duration_seconds";
  lines.push(`# HELP ${name} Duration of a stage, waiting included`, `# TYPE ${name} histogram`);
  for (const { tally, labels } of tallies) {
    let count = 0;
    tally.buckets.forEach((n, i) => {
      count += n;
      lines.push(`${name}_bucket${printLabels({ ...labels, le: String(STAGE_SECONDS[i] ?? "+Inf") })} ${count}`);
    });
    lines.push(
      `${name}_sum${printLabels(labels)} ${tally.seconds}`,
      `${name}_count${printLabels(labels)} ${tally.runs}`,
    );
  }
  for (const { name, help, series } of COUNTERS) {
    const found = tallies.flatMap(({ tally, labels }) =>
      series(tally).map(([extra, value]) => `${name}${printLabels({ ...labels, ...extra })} ${value}`),
    );
    if (found.length > 0) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...found);
  }
}
