/** An exposure log and the events that followed → rows for training and evaluation, by DuckDB, in limited memory. */

import { invalid } from "../../base/errors.js";
import { openDatabase } from "../database.js";
import type { Engine } from "../engine.js";
import { refuseOverwrite } from "../refuse-overwrite.js";
import { countEvents, credit } from "./credit.js";
import { MOST_REWARD } from "./event-columns.js";
import { checkExposures, type ExposureLog, type Locate, locateIn, needKept, openExposures } from "./exposure-log.js";
import { keepFirstLists } from "./first-lists.js";
import type { EventCounts, JoinOptions, JoinReport } from "./options.js";
import { type EventTable, openEvents, readEvents } from "./read-events.js";
import { countExposures, readExposures } from "./read-exposures.js";
import { isFile, refuseJoinedNames, writeJoined } from "./write-joined.js";

/** Seconds: ten years. */
const LONGEST_WINDOW = 3650 * 86_400;

/**
 * Joins events with exposures.
 *
 * An event with a request id counts for its item in that request; without one, for its item among the exposures of its user. It counts if it
 * is at most `window` later than the exposure and at most `clockSkew` earlier. The rows have the exposures' columns, then `label` (0 or 1),
 * `reward`, `event_time` (the first event's) and, with `negatives`, `weight`. They are ordered by request, row, position and item.
 *
 * @param exposures files, folders or globs of the log (Parquet)
 * @param events files, folders or globs (Parquet, CSV, JSON lines, Arrow)
 * @param out `*.parquet`, or a folder
 * @throws RuntimeFault naming file, row and column at fault; or that no event matches. `out` is then unchanged
 */
export async function joinFeedback(
  exposures: readonly string[],
  events: readonly string[],
  out: string,
  options: JoinOptions,
): Promise<JoinReport> {
  checkOptions(options);
  isFile(out);
  const database = await openDatabase(options);
  const progress = (doing: string, rows: number | undefined) => (fraction: number) =>
    options.onProgress?.({ doing, rows: Math.round(fraction * (rows ?? 0)), totalRows: rows });
  try {
    const log = await openExposures(database, exposures);
    refuseColumns(log, options);
    const table = await openEvents(database, events, options);
    refuseOverwrite([...log.files, ...table.files], [...exposures, ...events], out);
    const { log: first, ...counts } = await creditEvents(database, log, table, options, {
      locate: locateIn(database, log),
      onFraction: progress("read the events", table.rows),
    });
    for (const name of TABLES) await database.run(`DROP TABLE ${name}`, "joining");
    const written = await writeJoined(database, first, out, options, progress("write", counts.exposures.rows));
    return { ...counts, ...written };
  } finally {
    await database.close();
  }
}

/** Tables that the joined rows do not need. */
const TABLES = ["events", "hits", "matched", "exposures", "request_keys", "user_keys", "requests"] as const;

/** @throws RuntimeFault for kept columns that the join cannot have, or needs */
export function refuseColumns(log: ExposureLog, { user }: JoinOptions): void {
  if (user !== undefined) needKept(log, user, `--user ${user}`);
  refuseJoinedNames(log);
}

/**
 * Checks the log and the events, and makes the table `credits`.
 * @returns the log to write, too: without lists of repeated request ids
 * @throws RuntimeFault, also if no event matches
 */
export async function creditEvents(
  engine: Engine,
  whole: ExposureLog,
  events: EventTable,
  options: JoinOptions,
  { locate, onFraction }: { readonly locate: Locate; readonly onFraction?: (fraction: number) => void },
): Promise<Pick<JoinReport, "exposures" | "events" | "names"> & { readonly log: ExposureLog }> {
  await checkExposures(engine, whole, locate);
  const { log, repeated } = await keepFirstLists(engine, whole);
  const byRow = events.columns.row !== undefined;
  await readExposures(engine, log, { attribution: options.attribution, user: options.user, byRow });
  await readEvents(engine, events, log, options, onFraction);
  await credit(engine, options, byRow);
  const counts = await countEvents(engine, events.columns.name !== undefined);
  if (counts.events.matched === 0) throw invalid(nothingMatches(counts.events));
  return { log, exposures: { ...(await countExposures(engine)), repeated }, ...counts };
}

/** @throws RuntimeFault naming an option out of its range */
export function checkOptions({ window, clockSkew = 0, negatives, rewards, seed = 0 }: JoinOptions): void {
  if (!(window > 0 && window <= LONGEST_WINDOW))
    throw invalid(`\`--window\` is a duration above 0 and of at most 3650d. Got ${window} seconds.`);
  if (!(clockSkew >= 0 && clockSkew <= window))
    throw invalid(`\`--clock-skew\` is a duration from 0 to the window. Got ${clockSkew} seconds.`);
  if (negatives !== undefined && !(negatives > 0 && negatives <= 1))
    throw invalid(`\`--negatives\` is a rate above 0 and of at most 1. Got ${negatives}.`);
  if (!Number.isSafeInteger(seed)) throw invalid(`\`--seed\` is a whole number. Got ${seed}.`);
  for (const [name, reward] of rewards ?? [])
    if (!(Math.abs(reward) <= MOST_REWARD))
      throw invalid(`\`--event ${name}\`: a reward is between -${MOST_REWARD} and ${MOST_REWARD}. Got ${reward}.`);
}

/** The causes by their count, with the way out of the most frequent one. */
const WAYS: readonly (readonly [keyof EventCounts, string, string])[] = [
  [
    "unknownRequests",
    "have an unknown request id",
    "Give the log of the same requests, or match by a user with `--user`.",
  ],
  ["notInList", "name an item that their request did not show", "Compare the ids of items in both."],
  ["withoutExposure", "have no exposure of their user and item", "Compare the ids of users and items in both."],
  ["notShown", "name a candidate that was not shown", "Give the events of the shown items."],
  ["late", "are later than the window", "Widen `--window`, or name the unit of times with `--time-unit`."],
  ["beforeExposure", "precede their exposure", "Raise `--clock-skew`, or name the zone of times with `--time-zone`."],
  ["withoutKey", "have no request id or item", "Name the columns with `--columns`."],
  ["otherNames", "have another name than `--event` and `--label-event`", "Name the events that count."],
];

function nothingMatches(events: EventCounts): string {
  const causes = WAYS.filter(([key]) => events[key] > 0).sort(([a], [b]) => events[b] - events[a]);
  const list = causes.map(([key, what]) => `${events[key]} ${what}`).join(", ");
  return `none of ${events.rows} events matches an exposure: ${list}. ${causes[0]![2]}`;
}
