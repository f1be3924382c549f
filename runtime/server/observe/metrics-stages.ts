/** The stages of plans → Prometheus lines. Only models with stages have them, so a repository without such models prints what Triton prints. */

import { choosesByOutcome } from "../../../contract/step-facts.js";
import { STAGE_SECONDS, type StageCounters } from "../../engine/schedule/stage-counters.js";
import type { ReadyVersion } from "../models/ready-version.js";
import { nameLabels, printLabels } from "./metric-labels.js";

interface Counter {
  readonly name: string;
  readonly help: string;
  /** @default "counter" */
  readonly type?: "gauge";
  /** Extra label and value, of the stages that have such a series. */
  series(counters: StageCounters): readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];
}

const COUNTERS: readonly Counter[] = [
  {
    name: "merlon_stage_rows_total",
    help: "Rows that a stage took in and gave out",
    series: counters => [
      [{ direction: "in" }, counters.rowsIn],
      [{ direction: "out" }, counters.rowsOut],
    ],
  },
  {
    name: "merlon_stage_failures_total",
    help: "Runs of a stage that ended with a fault",
    series: counters => [[{}, counters.failures]],
  },
  {
    name: "merlon_stage_fallbacks_total",
    help: "Runs in which a fallback took its other side",
    series: counters => (choosesByOutcome(counters.op) ? [[{}, counters.fallbacks]] : []),
  },
  {
    name: "merlon_stage_source_candidates_total",
    help: "Candidates that a source of a merge found, those that the merge kept, and those without a finite score",
    series: ({ parts = [] }) =>
      parts.flatMap(({ name, found, kept, unscored }) => [
        [{ source: name, result: "found" }, found] as const,
        [{ source: name, result: "kept" }, kept] as const,
        [{ source: name, result: "unscored" }, unscored] as const,
      ]),
  },
  {
    name: "merlon_stage_join_rows_total",
    help: "Rows that a join looked up, those with a match and those without",
    series: ({ joins = [] }) =>
      joins.flatMap(({ name, rows, matched }) => [
        [{ join: name, result: "matched" }, matched] as const,
        [{ join: name, result: "unmatched" }, rows - matched] as const,
      ]),
  },
  {
    name: "merlon_stage_empty",
    help: "Whether a stage lacked a source's candidates, a join's matches or all rows in every run of the last minute",
    type: "gauge",
    series: ({ empty }) => (empty ? [[{}, Number(empty.length > 0)]] : []),
  },
  {
    name: "merlon_stage_sources_left_out_total",
    help: "Runs of a merge without a source, which failed or was late",
    series: ({ parts = [] }) => parts.map(({ name, leftOut }) => [{ source: name }, leftOut] as const),
  },
  {
    name: "merlon_stage_arm_rows_total",
    help: "Rows that an arm of a split answered",
    series: ({ arms = [] }) => arms.map(({ name, rows }) => [{ arm: name }, rows] as const),
  },
  {
    name: "merlon_stage_arm_failures_total",
    help: "Faults of stages that an arm of a split alone needs",
    series: ({ arms = [] }) => arms.map(({ name, failures }) => [{ arm: name }, failures] as const),
  },
  {
    name: "merlon_stage_arm_stopped",
    help: "Whether the guardrail of a split has stopped an arm (1) or not (0)",
    type: "gauge",
    series: ({ arms = [] }) => arms.map(({ name, isStopped }) => [{ arm: name }, Number(isStopped)] as const),
  },
  {
    name: "merlon_stage_shadow_runs_total",
    help: "Requests that a shadow was to run for, by result",
    series: ({ shadow }) => (shadow ? Object.entries(shadow.runs).map(([result, n]) => [{ result }, n] as const) : []),
  },
  {
    name: "merlon_stage_shadow_lists_total",
    help: "Lists of a shadow and of the response that are equal, and those that differ",
    series: ({ shadow }) => (shadow ? Object.entries(shadow.lists).map(([result, n]) => [{ result }, n] as const) : []),
  },
  {
    name: "merlon_stage_shadow_overlap_total",
    help: "Sum over compared lists of the share of items that both have",
    series: ({ shadow }) => (shadow ? [[{}, shadow.overlap]] : []),
  },
  {
    name: "merlon_stage_shadow_scores_total",
    help: "Items of both lists with a score in each",
    series: ({ shadow }) => (shadow ? [[{}, shadow.scores]] : []),
  },
  {
    name: "merlon_stage_shadow_score_difference_total",
    help: "Sum over these items of the absolute difference of scores",
    series: ({ shadow }) => (shadow ? [[{}, shadow.scoreDifference]] : []),
  },
  {
    name: "merlon_stage_cache_rows_total",
    help: "Rows that a cached stage found, and those it computed",
    series: counters =>
      counters.cacheHits + counters.cacheMisses > 0
        ? [
            [{ result: "hit" }, counters.cacheHits],
            [{ result: "miss" }, counters.cacheMisses],
          ]
        : [],
  },
];

export function printStages(ready: readonly ReadyVersion[], lines: string[]): void {
  const stages = ready.flatMap(version =>
    (version.loaded.stages ?? []).map(counters => ({
      counters,
      labels: { ...nameLabels(version), stage: counters.stage },
    })),
  );
  if (stages.length === 0) return;
  const name = "merlon_stage_duration_seconds";
  lines.push(`# HELP ${name} Duration of a stage, waiting included`, `# TYPE ${name} histogram`);
  for (const { counters, labels } of stages) {
    let count = 0;
    counters.buckets.forEach((n, i) => {
      count += n;
      lines.push(`${name}_bucket${printLabels({ ...labels, le: String(STAGE_SECONDS[i] ?? "+Inf") })} ${count}`);
    });
    lines.push(
      `${name}_sum${printLabels(labels)} ${counters.seconds}`,
      `${name}_count${printLabels(labels)} ${counters.runs}`,
    );
  }
  for (const { name, help, type = "counter", series } of COUNTERS) {
    const found = stages.flatMap(({ counters, labels }) =>
      series(counters).map(([extra, value]) => `${name}${printLabels({ ...labels, ...extra })} ${value}`),
    );
    if (found.length > 0) lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...found);
  }
}
