/** The tables of exposures and events → `credits`: the exposures that an event counts for, with their reward. */
import type { Engine } from "../engine.js";
import { joinSql } from "./join-sql.js";
import type { EventCounts, JoinOptions } from "./options.js";

/**
 * Equal events become one: of equal ids the earliest, of equal key, name and time the one with the largest reward. `hits` are the events
 * whose key was shown.
 */
async function makeHits(engine: Engine, byId: boolean): Promise<void> {
  const { struct, table } = joinSql(engine);
  const fields = { t: "t", by_request: "by_request", k: "k", name: "name", reward: "-reward", label: "label" };
  const once = byId
    ? `SELECT e.* FROM (SELECT min(${struct(fields)}) AS e FROM events WHERE reason IS NULL GROUP BY id) s`
    : `SELECT t, by_request, k, name, -max(reward) AS reward, bool_or(label) AS label FROM events
       WHERE reason IS NULL GROUP BY t, by_request, k, name`;
  await engine.run(
    table("hits", `SELECT by_request, k, t, -reward AS reward, label FROM (${once}) once`),
    "dropping equal events",
  );
}

const micros = (seconds: number): number => Math.round(seconds * 1e6);

/**
 * Merges the exposures and events of each key by time. Window functions find the exposures around each event and the events around each
 * exposure. The cost is n log n, however many exposures and events a key has; a join of intervals would pair them all.
 * An exposure that follows the event, within the clock skew, is the best one only if none precedes it.
 *
 * `matched` has a row per event, with `rank` NULL. `best` is the rank of its exposure, `first` the time of the key's first exposure. With attribution `all` it has a row per exposure, too, with the sums of its events.
 */
async function match(
  engine: Engine,
  { window, clockSkew = 0, attribution }: JoinOptions,
  byRow: boolean,
): Promise<void> {
  const { table, semiJoin } = joinSql(engine);
  const [after, before] = [micros(window), micros(clockSkew)];
  const around = (preceding: number, following: number): string =>
    `(PARTITION BY by_request, k ORDER BY t RANGE BETWEEN CAST(${preceding} AS BIGINT) PRECEDING AND CAST(${following} AS BIGINT) FOLLOWING)`;
  const exposures = (byRequest: boolean, join: string): string =>
    `SELECT ${byRequest} AS by_request, j.k, x.t, NULL AS reward, NULL AS label, x.rank, x.t AS shown_at, NULL AS event_at
     FROM exposures x JOIN ${join} ${semiJoin} (SELECT k FROM hits WHERE by_request = ${byRequest}) h ON h.k = j.k WHERE x.pos IS NOT NULL`;
  const best = before === 0 ? "min(rank) OVER exposures" : "coalesce(min(rank) OVER earlier, min(rank) OVER exposures)";
  const isAll = attribution === "all";
  const sums = isAll
    ? ", sum(reward) OVER events AS got, min(event_at) OVER events AS event_time, bool_or(label) OVER events AS has_label"
    : "";
  await engine.run(
    table(
      "matched",
      `SELECT * FROM (SELECT t, reward, label, rank, ${best} AS best,
       min(shown_at) OVER (PARTITION BY by_request, k) AS first${sums}
     FROM (SELECT by_request, k, t, reward, label, CAST(NULL AS BIGINT) AS rank, CAST(NULL AS BIGINT) AS shown_at, t AS event_at FROM hits
       UNION ALL ${exposures(true, `request_keys j ON j.request_id = x.request_id AND j.item = x.item${byRow ? " AND j.request_row = x.request_row" : ""}`)}
       UNION ALL ${exposures(false, "user_keys j ON j.usr = x.usr AND j.item = x.item")}) merged
     WINDOW earlier AS ${around(after, 0)}, exposures AS ${around(after, before)}, events AS ${around(before, after)}
     ) found ${isAll ? "" : "WHERE rank IS NULL"}`,
    ),
    "matching events with exposures",
  );
}

/**
 * Makes the table `credits`, one row per exposure with an event: its key, `reward`, the time `t` of its first event and its `label`.
 * @param byRow events have the row of the request
 */
export async function credit(engine: Engine, options: JoinOptions, byRow: boolean): Promise<void> {
  await makeHits(engine, options.eventId !== undefined);
  await match(engine, options, byRow);
  const credited =
    options.attribution === "all"
      ? "SELECT rank, got AS reward, event_time AS t, has_label AS label FROM matched WHERE rank IS NOT NULL AND event_time IS NOT NULL"
      : "SELECT best AS rank, reward, t, label FROM matched WHERE best IS NOT NULL";
  await engine.run(
    joinSql(engine).table(
      "credits",
      `SELECT x.request_id, x.request_row, x.item, c.reward, c.t, c.label
     FROM (SELECT rank, sum(reward) AS reward, min(t) AS t, bool_or(label) AS label FROM (${credited}) one GROUP BY rank) c
     JOIN exposures x ON x.rank = c.rank`,
    ),
    "matching events with exposures",
  );
}

const REASONS = ["unknownRequests", "notInList", "withoutExposure", "notShown", "withoutKey", "otherNames"] as const;

/** Counts events by their fate, and by name. */
export async function countEvents(
  engine: Engine,
  hasNames: boolean,
): Promise<{ readonly events: EventCounts; readonly names: Readonly<Record<string, number>> }> {
  const doing = "counting the events";
  const reasons = new Map(
    (await engine.rows("SELECT coalesce(reason, ''), CAST(count(*) AS DOUBLE) FROM events GROUP BY 1", doing)).map(
      row => [String(row[0]), Number(row[1])],
    ),
  );
  const [[matched, late, early, withoutReward]] = (await engine.rows(
    `SELECT CAST(count(*) FILTER (WHERE best IS NOT NULL) AS DOUBLE), CAST(count(*) FILTER (WHERE best IS NULL AND first < t) AS DOUBLE),
       CAST(count(*) FILTER (WHERE best IS NULL AND first >= t) AS DOUBLE), CAST((SELECT count(*) FROM events WHERE no_reward) AS DOUBLE)
     FROM matched WHERE rank IS NULL`,
    doing,
  )) as [[number, number, number, number]];
  const named = hasNames
    ? await engine.rows(
        "SELECT name, CAST(count(*) AS DOUBLE) FROM events GROUP BY name ORDER BY count(*) DESC, name LIMIT 20",
        doing,
      )
    : [];
  const of = (reason: string): number => reasons.get(reason) ?? 0;
  return {
    events: {
      rows: [...reasons.values()].reduce((sum, count) => sum + count, 0),
      matched,
      late,
      beforeExposure: early,
      duplicates: of("") - matched - late - early,
      ...(Object.fromEntries(REASONS.map(reason => [reason, of(reason)])) as Pick<
        EventCounts,
        (typeof REASONS)[number]
      >),
      withoutReward,
    },
    names: Object.fromEntries(named.map(([name, count]) => [String(name), Number(count)])),
  };
}
