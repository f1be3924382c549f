/**
 * Outcomes of records → a table of equal and different by group, and the list of what differs.
 */
export interface Outcome {
  readonly id: string;
  readonly note: string;
  readonly group: string;
  /** Differences of what a client sees: answers, states, exit codes. */
  readonly answers: readonly string[];
  /** Differences of the server's log. */
  readonly log: readonly string[];
}

export function summary(outcomes: readonly Outcome[]): string {
  const groups = new Map<string, { all: number; answers: number; log: number }>();
  for (const { group, answers, log } of outcomes) {
    const row = groups.get(group) ?? { all: 0, answers: 0, log: 0 };
    row.all++;
    if (answers.length === 0) row.answers++;
    if (log.length === 0) row.log++;
    groups.set(group, row);
  }
  const rows = [...groups].map(([name, { all, answers, log }]) => `| ${name} | ${all} | ${answers} | ${log} |`);
  const total = (pick: (one: Outcome) => number): number => outcomes.filter(one => pick(one) === 0).length;
  return [
    "| group | records | answers equal | log equal |",
    "|---|---|---|---|",
    ...rows,
    `| **all** | ${outcomes.length} | ${total(one => one.answers.length)} | ${total(one => one.log.length)} |`,
  ].join("\n");
}
