/**
 * The differences that are known, with their reasons: a file for each kind of record, read and compared with outcomes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type Outcome, summary } from "./report.js";

/** Reason by record id; one list for answers, one for the log. */
interface Known {
  readonly answers: Readonly<Record<string, string>>;
  readonly log: Readonly<Record<string, string>>;
}

/** `known.json` is that of the configurations. */
export type ListName = "known" | "known-lifecycle" | "known-process" | "known-pytriton";
const fileOf = (list: ListName): URL => new URL(`${list}.json`, import.meta.url);
const read = (list: ListName): Known => JSON.parse(readFileSync(fileOf(list), "utf8")) as Known;

/** Differences that are not listed, and listed records that are equal now. */
export function surprises(outcomes: readonly Outcome[], list: ListName): string[] {
  const known = read(list);
  return outcomes.flatMap(({ id, note, answers, log }) => [
    ...compare(id, note, answers, known.answers, "answers"),
    ...compare(id, note, log, known.log, "log"),
  ]);
}

function compare(
  id: string,
  note: string,
  found: readonly string[],
  listed: Readonly<Record<string, string>>,
  what: string,
): string[] {
  if (found.length > 0 && listed[id] === undefined)
    return [
      `${id} (${note}): ${what} differ\n${found
        .slice(0, 5)
        .map(line => `    ${line.slice(0, 600)}`)
        .join("\n")}`,
    ];
  // What happens in no order of its own may come out as recorded, too.
  if (found.length === 0 && listed[id] !== undefined && !listed[id].startsWith("undefined "))
    return [`${id}: ${what} are equal now; take it off the list (CONFORMANCE_UPDATE=1 does)`];
  return [];
}

/**
 * Writes the list anew: kept reasons stay, new differences get `not done`, for a person to look at. What happens in no order of its own stays, too,
 * where it came out as recorded this time.
 */
export function updateKnown(outcomes: readonly Outcome[], list: ListName): void {
  const known = read(list);
  const seen = new Set(outcomes.map(({ id }) => id));
  const side = (pick: (one: Outcome) => readonly string[], before: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      [
        ...Object.entries(before).filter(([id]) => !seen.has(id)),
        ...outcomes
          .filter(one => pick(one).length > 0 || before[one.id]?.startsWith("undefined "))
          .map(({ id }): [string, string] => [id, before[id] ?? "not done"]),
      ].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })),
    );
  const next: Known = {
    answers: side(one => one.answers, known.answers),
    log: side(one => one.log, known.log),
  };
  writeFileSync(fileOf(list), `${JSON.stringify(next, null, 2)}\n`);
}

/** Beside the list: counts by group, and the records under the reasons of their differences. */
export function writeReport(outcomes: readonly Outcome[], list: ListName): void {
  const known = read(list);
  const section = (title: string, side: Readonly<Record<string, string>>): string[] => {
    const byReason = new Map<string, string[]>();
    for (const [id, reason] of Object.entries(side)) byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
    const lines = [...byReason].map(([reason, ids]) => `- **${reason}** (${ids.length}): ${ids.join(", ")}`);
    return ["", `## ${title}`, "", ...(lines.length > 0 ? lines : ["None."])];
  };
  const text = [
    `# ${TITLES[list]} beside those of Triton ${list === "known-pytriton" ? "2.51" : "2.73"}`,
    "",
    "Written by `CONFORMANCE_UPDATE=1 npx vitest run tests/conformance/repository`. Answers are what a client sees; the log is compared line by line.",
    "",
    summary(outcomes, known),
    ...section("Answers that differ", known.answers),
    ...section("Logs that differ", known.log),
  ].join("\n");
  writeFileSync(
    new URL(`report-${list.replace("known", "configs").replace("configs-", "")}.md`, import.meta.url),
    `${text}\n`,
  );
}

const TITLES: Readonly<Record<ListName, string>> = {
  known: "Configurations",
  "known-lifecycle": "Life cycles",
  "known-process": "Processes",
  "known-pytriton": "Namespaces, and configurations that are none,",
};
