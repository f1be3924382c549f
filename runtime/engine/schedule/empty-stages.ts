/**
 * Stages without an effect for a minute: a source contributes no candidate, a join matches no row, or a step drops all rows. No request
 * fails by them, so they are noted in the counters and logged.
 */
import type { StageCounters } from "./stage-counters.js";

/** Fewer runs say nothing: a new user may have no candidates. */
const LEAST_RUNS = 10;

interface Totals {
  readonly runs: number;
  /** A phrase for each possible lack, with the number of chances and of results. */
  readonly made: readonly (readonly [lack: string, of: number, made: number])[];
}

const totalsOf = ({ runs, rowsIn, rowsOut, parts = [], joins = [] }: StageCounters): Totals => ({
  runs,
  made: [
    ["made no row of those that it read", rowsIn, rowsOut],
    ...parts.map(({ name, found }) => [`its source \`${name}\` contributed no candidate`, runs, found] as const),
    ...joins.map(({ name, rows, matched }) => [`\`${name}\` matched no row`, rows, matched] as const),
  ],
});

/**
 * @param counters of a plan's stages; `empty` is written there
 * @param say takes one sentence when a stage begins to lack something
 * @returns compares the counters with those of the last call that had enough runs; called once a minute
 */
export function watchEmptyStages(counters: readonly StageCounters[], say: (text: string) => void): () => void {
  const before = counters.map(totalsOf);
  return () => {
    for (const [i, stage] of counters.entries()) {
      const [last, now] = [before[i]!, totalsOf(stage)];
      const runs = now.runs - last.runs;
      if (runs < LEAST_RUNS) continue;
      before[i] = now;
      const empty = now.made.flatMap(([lack, of, made], at) => {
        const [, ofLast, madeLast] = last.made[at]!;
        return of > ofLast && made === madeLast ? [lack] : [];
      });
      for (const lack of empty)
        if (!stage.empty?.includes(lack)) say(`step \`${stage.stage}\`: ${lack}, in all of the last ${runs} runs`);
      stage.empty = empty;
    }
  };
}
