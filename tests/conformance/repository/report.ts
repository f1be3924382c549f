/**
 * Outcomes of records → a table of equal and different by group.
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

/** Reason by record id. */
type Reasons = Readonly<Record<string, string>>;

/**
 * Why a difference says nothing about this server: the recorded one crashed, did things in no order of its own, or lacked a part that a stock
 * Triton has. Such records are left out of the second share.
 */
const ASIDE = /^(?:Triton crashes|undefined |the recorded installation)/;

/** @param known reasons of differences, where there is a list */
export function summary(outcomes: readonly Outcome[], known: { answers: Reasons; log: Reasons } = NONE): string {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) groups.set(outcome.group, [...(groups.get(outcome.group) ?? []), outcome]);
  const cells = (some: readonly Outcome[]): string =>
    (["answers", "log"] as const)
      .map(side => {
        const equal = some.filter(one => one[side].length === 0);
        const aside = some.filter(one => one[side].length > 0 && ASIDE.test(known[side][one.id] ?? ""));
        return `${equal.length} | ${percent(equal.length, some.length)} | ${percent(equal.length, some.length - aside.length)}`;
      })
      .join(" | ");
  return [
    "| group | records | answers equal | share | set aside* | log equal | share | set aside* |",
    "|---|---|---|---|---|---|---|---|",
    ...[...groups].map(([name, some]) => `| ${name} | ${some.length} | ${cells(some)} |`),
    `| **all** | ${outcomes.length} | ${cells(outcomes)} |`,
    "",
    "\\* the share without those where Triton crashes, does things in no order of its own, or lacked in the recorded installation what a stock one has",
  ].join("\n");
}

const NONE = { answers: {}, log: {} };
const percent = (part: number, whole: number): string =>
  whole === 0 ? "-" : `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)} %`;
