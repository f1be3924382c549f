/** `merlon candidates`: tables of candidates by key from events, for `lookupCandidates`. */
import { Command, InvalidArgumentError, Option } from "commander";
import type { CandidateOptions, MadeCandidates } from "../runtime/etl/candidates.js";
import { numberLike } from "./numbers.js";
import { printTable } from "./print-table.js";
import { summary, withProgress } from "./progress.js";

interface Options extends Omit<CandidateOptions, "kind" | "group" | "onProgress" | "threads"> {
  readonly out: string;
  readonly together?: string;
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `30d` → seconds. */
export function readDuration(text: string): number {
  const [, count, unit] = /^(\d{1,9}(?:\.\d{1,9})?)([smhdw])$/.exec(text) ?? [];
  if (count === undefined || Number(count) === 0)
    throw new InvalidArgumentError("A duration is a number with s, m, h, d or w, such as 30d.");
  return Number(count) * SECONDS[unit!]!;
}

const readCount = numberLike(/^[1-9]\d{0,8}$/, "A whole number of at least 1 is expected.");
const readNumber = numberLike(/^\d{1,9}(\.\d{1,9})?$/, "A number of at least 0 is expected.");

export const candidatesCommand = (): Command =>
  new Command("candidates")
    .description("make tables of candidates by key from events, which lookupCandidates serves")
    .addCommand(
      base("popular", "list the most frequent items of each key")
        .option("--by <column>", "key column, such as a country (default: one list for all)")
        .option("--time <column>", "event time: a timestamp, or seconds")
        .option("--window <duration>", "age of the oldest event that counts", readDuration)
        .option("--half-life <duration>", "age at which an event counts half", readDuration),
    )
    .addCommand(
      base("cooccurrence", "list the items that occur together with each item")
        .requiredOption("--together <column>", "user, session or order column")
        .option("--time <column>", "event time: a timestamp, or seconds")
        .option("--window <duration>", "age of the oldest event that counts", readDuration)
        .option("--half-life <duration>", "age at which a pair counts half", readDuration)
        .addOption(
          new Option("--measure <name>", "score of a pair")
            .choices(["cosine", "jaccard", "lift", "count"])
            .default("cosine"),
        )
        .option("--most-items <n>", "latest items of a group that count", readCount, 200),
    )
    .addCommand(
      base("trending", "list the items of each key that became more frequent")
        .requiredOption("--time <column>", "event time: a timestamp, or seconds")
        .option("--by <column>", "key column, such as a country (default: one list for all)")
        .option("--window <duration>", "recent time", readDuration, readDuration("7d"))
        .option("--baseline <duration>", "time before it to compare with", readDuration, readDuration("28d"))
        .option("--smoothing <n>", "events added to both times", readNumber, 10),
    );

function base(kind: CandidateOptions["kind"], what: string): Command {
  const column = { popular: "--by country", cooccurrence: "--together user_id", trending: "--time time" }[kind];
  return new Command(kind)
    .description(what)
    .argument("<events...>", "files, folders or quoted globs (Parquet, CSV, JSON lines)")
    .requiredOption("--item <column>", "item column: integers or texts")
    .requiredOption("-o, --out <file>", "table to write, replaced atomically")
    .option("--min-support <n>", "fewest events of an item or pair", readCount, 5)
    .option("--topk <n>", "most items of a key", readCount, 100)
    .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
    .addHelpText(
      "after",
      `\nExample:\n  $ merlon candidates ${kind} 'events/*.parquet' --item item_id ${column} --out tables/${kind}.candidates`,
    )
    .action(async (events: string[], options: Options) => make(kind, events, options));
}

async function make(kind: CandidateOptions["kind"], data: readonly string[], options: Options): Promise<void> {
  const started = performance.now();
  const { buildCandidates } = await import("../runtime/etl/candidates.js");
  const { together, out, ...rest } = options;
  const made = await withProgress(onProgress =>
    buildCandidates(data, out, {
      kind,
      ...rest,
      ...(together !== undefined && { group: together }),
      onProgress,
    }),
  );
  process.stdout.write(summary(`Wrote ${out}`, made.events.rows, started));
  process.stdout.write(printTable(rowsOf(made)));
}

const printCount = (n: number): string => n.toLocaleString("en-US");

const rowsOf = ({ keys, items, rows, events, cut }: MadeCandidates): readonly (readonly string[])[] => [
  ["keys", printCount(keys)],
  ["items", printCount(items)],
  ["candidates", `${printCount(rows)}, ${(rows / keys).toFixed(1)} of a key`],
  ["events outside the window", printCount(events.old)],
  ["events with a null", printCount(events.nulls)],
  ...(cut > 0 ? [["groups cut to their latest items", printCount(cut)]] : []),
];
