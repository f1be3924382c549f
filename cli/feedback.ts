/** `merlon feedback join EXPOSURES EVENTS --out PATH`: rows for training and evaluation from an exposure log and its events. */

import { Command, InvalidArgumentError, Option } from "commander";
import { defined } from "../contract/defined.js";
import type { JoinOptions, JoinReport } from "../runtime/etl/feedback/options.js";
import { readDuration } from "./candidates.js";
import { databaseOptions, type EngineFlags, sparkOptions, withEngine } from "./fit.js";
import { keptNames, names } from "./names.js";
import { numberLike } from "./numbers.js";
import { printTable } from "./print-table.js";
import { summary, withProgress } from "./progress.js";

interface Options
  extends EngineFlags,
    Pick<
      JoinOptions,
      | "attribution"
      | "user"
      | "reward"
      | "eventId"
      | "timeUnit"
      | "timeZone"
      | "negatives"
      | "seed"
      | "window"
      | "clockSkew"
    > {
  readonly out: string;
  readonly columns?: ReadonlyMap<string, string>;
  readonly event?: ReadonlyMap<string, number>;
  readonly labelEvent?: readonly string[];
  readonly notShown?: "drop" | "keep";
  readonly json?: true;
}

const readSkew = (text: string): number => (/^0[smhdw]?$/.test(text) ? 0 : readDuration(text));

const readRate = numberLike(
  /^[01]?(\.\d{1,9})?$/,
  "A rate above 0 and of at most 1 is expected, such as 0.1.",
  rate => rate > 0 && rate <= 1,
);
const readSeed = numberLike(/^\d{1,15}$/, "A whole number of at least 0 is expected.");

/** `purchase=1`, repeated. The value follows the last `=`. */
function readReward(text: string, before: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const at = text.lastIndexOf("=");
  const [name, reward] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || !/^-?\d{1,12}(\.\d{1,9})?$/.test(reward))
    throw new InvalidArgumentError("An event and its reward are expected, such as purchase=1.");
  return new Map([...before, [name, Number(reward)]]);
}

const readColumns = (text: string): ReadonlyMap<string, string> =>
  new Map(keptNames(text).map(({ column, as }) => [column, as]));

export const feedbackCommand = (): Command =>
  new Command("feedback").description("join exposure logs with the events that followed").addCommand(joinCommand());

const joinCommand = (): Command =>
  withEngine(
    new Command("join")
      .description("write training rows: each exposure with its label and reward")
      .argument("<exposures>", "exposure log: file, folder or quoted glob (Parquet, JSON lines)")
      .argument("<events>", "file, folder or quoted glob (Parquet, CSV, JSON lines, Arrow)")
      .requiredOption("--window <duration>", "time after an exposure in which events count", readDuration)
      .requiredOption("-o, --out <path>", "file (NAME.parquet), or folder; replaced atomically")
      .addOption(
        new Option("--attribution <rule>", "exposure that an event counts for")
          .choices(["last", "position", "all"])
          .default("last"),
      )
      .option("--user <column>", "kept user column, for events without request ids")
      .option("--columns <names>", "event columns of other names (item=product_id,time=at)", readColumns)
      .addOption(
        new Option("--event <name=reward>", "reward of events by name; repeatable")
          .argParser(readReward)
          .conflicts("reward"),
      )
      .option("--reward <column>", "numeric column of the events: their rewards")
      .option("--label-event <names>", "names of events that set the label (default: all)", names)
      .option("--event-id <column>", "column that identifies an event")
      .option("--clock-skew <duration>", "time that an event may precede its exposure", readSkew, 0)
      .addOption(
        new Option("--time-unit <unit>", "unit of numeric event times").choices(["s", "ms", "us"]).default("s"),
      )
      .option("--time-zone <zone>", "zone of event times without one (default UTC)")
      .option("--negatives <rate>", "share of exposures without event to keep", readRate)
      .option("--seed <n>", "seed of --negatives", readSeed, 0)
      .addOption(
        new Option("--not-shown <rule>", "logged candidates that were not shown")
          .choices(["drop", "keep"])
          .default("drop"),
      )
      .option("--json", "print JSON")
      .option("--memory-limit <size>", "beyond it, work spills to disk (4GB)")
      .option("--threads <n>", "how many threads DuckDB may use"),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ merlon feedback join exposures/recommend clicks.parquet --window 24h --out joined.parquet
  $ merlon feedback join exposures/recommend 'events/*.csv' --window 7d --out joined.parquet \\
      --event purchase=1 --event click=0.1 --label-event purchase --columns item=product_id
  $ merlon feedback join exposures/recommend orders.parquet --window 30d --user user_id \\
      --attribution position --reward price --out joined.parquet
  $ merlon feedback join s3a://logs/recommend s3a://events --window 7d --out joined --engine spark --spark-master yarn

An event with a request id counts for its item in that request, else for an exposure of its user and item.
Rows are sorted, and do not depend on the order of the input.`,
    )
    .action(join);

async function join(exposures: string, events: string, options: Options): Promise<void> {
  const started = performance.now();
  const { spark } = sparkOptions(options);
  const { out, json } = options;
  const report = await withProgress(async onProgress => {
    const given = { ...joinOptions(options), onProgress };
    if (!spark)
      return (await import("../runtime/etl/feedback/join.js")).joinFeedback([exposures], [events], out, given);
    const { joinFeedbackOnSpark } = await import("../runtime/etl/feedback/join-on-spark.js");
    return joinFeedbackOnSpark([exposures], [events], out, spark, given);
  });
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else {
    process.stdout.write(summary(`Joined to ${out}`, report.joined.rows, started));
    process.stdout.write(printReport(report));
  }
}

function joinOptions(options: Options): JoinOptions {
  const { window, attribution, clockSkew, user, columns, event, reward, labelEvent, eventId } = options;
  const { timeUnit, timeZone, negatives, seed, notShown } = options;
  return {
    window,
    attribution,
    ...defined({ clockSkew, user, columns, rewards: event, reward, labels: labelEvent }),
    ...defined({ eventId, timeUnit, timeZone, negatives, seed }),
    notShown: notShown === "keep",
    ...databaseOptions(options),
  };
}

const printCount = (n: number): string => n.toLocaleString("en-US", { maximumFractionDigits: 9 });
const share = (part: number, of: number): string => `${Number(((100 * part) / Math.max(1, of)).toPrecision(3))} %`;

/** Positions that the table shows one by one. */
const POSITIONS = 20;

/** Characters of a request id that the table shows. */
const SHOWN_ID = 40;

function printIds({ requests, examples }: JoinReport["exposures"]["repeated"]): string {
  const named = examples.map(id => JSON.stringify(id.length > SHOWN_ID ? `${id.slice(0, SHOWN_ID)}…` : id)).join(", ");
  return `${named}${requests > examples.length ? ` and ${printCount(requests - examples.length)} more` : ""}`;
}

function printReport({ exposures, events, joined, positions }: JoinReport): string {
  const { repeated } = exposures;
  const fates: readonly (readonly [string, number])[] = [
    ["matched", events.matched],
    ["after the window", events.late],
    ["before the exposure", events.beforeExposure],
    ["duplicates", events.duplicates],
    ["of an unknown request id", events.unknownRequests],
    ["of an item that the request does not have", events.notInList],
    ["of a user and item without exposure", events.withoutExposure],
    ["of a candidate that was not shown", events.notShown],
    ["without request id, user or item", events.withoutKey],
    ["of other names", events.otherNames],
  ];
  const table = [
    ["exposures", printCount(exposures.rows), `${printCount(exposures.requests)} requests`],
    ...(repeated.rows > 0
      ? [["  left out: later lists of a repeated request id", printCount(repeated.rows), printIds(repeated)]]
      : []),
    ["events", printCount(events.rows), ""],
    ...fates
      .filter(([, n], i) => i === 0 || n > 0)
      .map(([what, n]) => [`  ${what}`, printCount(n), share(n, events.rows)]),
    ...(events.withoutReward > 0 ? [["  with reward null, counted as 0", printCount(events.withoutReward), ""]] : []),
    ["joined rows", printCount(joined.rows), ""],
    ["  with label 1", printCount(joined.positives), share(joined.positives, joined.rows)],
    ["  sum of rewards", printCount(joined.reward), ""],
  ];
  const byPosition = positions
    .slice(0, POSITIONS)
    .map(({ position, rows, positives, reward }) => [
      position === null ? "not shown" : String(position),
      printCount(rows),
      printCount(positives),
      share(positives, rows),
      printCount(reward),
    ]);
  const rest = positions.length > POSITIONS ? `… and ${positions.length - POSITIONS} positions more\n` : "";
  return `${printTable(table)}\n${printTable([["position", "rows", "label 1", "rate", "reward"], ...byPosition])}${rest}`;
}
