/** Random small logs and events: the join equals nested loops, for every attribution and option, in any order of rows. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { joinFeedback } from "#runtime/etl/feedback/join.js";
import { ATTRIBUTIONS, type JoinOptions } from "#runtime/etl/feedback/options.js";
import { type Exposure, instant, literal, logSql, parquet, START, sql } from "./log.js";
import { type Event, join as reference } from "./reference.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-feedback-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const seconds = fc.integer({ min: 0, max: 20 });
const item = fc.integer({ min: 1, max: 2 });
const user = fc.constantFrom(1, 1, 1, 2, null);

/** Two exposures never have the same request, row and item, or position. */
const exposures: fc.Arbitrary<readonly Exposure[]> = fc
  .uniqueArray(
    fc.record({
      request_id: fc.constantFrom("r1", "r2", "r'3", "é"),
      request_row: fc.integer({ min: 0, max: 1 }),
      item,
      time: seconds,
      position: fc.option(fc.integer({ min: 1, max: 3 }), { nil: null, freq: 4 }),
      user_id: user,
    }),
    { selector: one => JSON.stringify([one.request_id, one.request_row, one.item]), minLength: 6, maxLength: 16 },
  )
  .map(all => {
    const taken = new Set<string>();
    return all.map(one => {
      const place = JSON.stringify([one.request_id, one.request_row, one.position]);
      const isTaken = taken.has(place);
      taken.add(place);
      return isTaken ? { ...one, position: null } : one;
    });
  });

const events: fc.Arbitrary<readonly Event[]> = fc
  .tuple(
    fc.array(
      fc.record({
        request_id: fc.constantFrom("r1", "r2", "r'3", "é", "unknown", null, null, null, null, null),
        request_row: fc.integer({ min: 0, max: 1 }),
        user_id: user,
        item: fc.option(item, { nil: null, freq: 8 }),
        event: fc.constantFrom("click", "purchase", "view"),
        time: seconds,
        id: fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"),
      }),
      { minLength: 8, maxLength: 30 },
    ),
    fc.boolean(),
  )
  .map(([all, hasRow]) => all.map(({ request_row, ...rest }) => (hasRow ? { ...rest, request_row } : rest)));

/** Events of one id differ in their time alone: which of two different events counts is not specified. */
function alikeById(all: readonly Event[]): readonly Event[] {
  const first = new Map(all.toReversed().map(event => [event.id, event]));
  return all.map(({ id, time }) => ({ ...first.get(id)!, time }));
}

const options: fc.Arbitrary<Partial<JoinOptions>> = fc
  .record({
    clockSkew: fc.constantFrom(0, 4),
    user: fc.constantFrom("user_id", "user_id", "user_id", undefined),
    rewards: fc.constantFrom(
      undefined,
      new Map([
        ["click", 0.1],
        ["purchase", 1],
      ]),
    ),
    labels: fc.constantFrom(undefined, ["purchase"]),
    negatives: fc.constantFrom(undefined, 1, 0.4),
    seed: fc.integer({ min: 0, max: 3 }),
    notShown: fc.boolean(),
    byId: fc.boolean(),
  })
  .map(({ byId, ...rest }) => ({ ...rest, ...(byId && { eventId: "id" }) }) as Partial<JoinOptions>);

function eventSql(rows: readonly Event[]): string {
  const one = (row: Event): string =>
    `SELECT ${literal(row.request_id)}::VARCHAR AS request_id, ${row.request_row === undefined ? "" : `${row.request_row} AS request_row, `}${literal(row.user_id)}::BIGINT AS user_id, ${literal(row.item)}::BIGINT AS item, ${literal(row.event)} AS event, ${instant(row.time)} AS time, ${literal(row.id)} AS id`;
  return rows.map(one).join(" UNION ALL ");
}

test.each(ATTRIBUTIONS)(
  "equals nested loops: %s",
  async attribution => {
    const [log, file, out] = ["log", "events", "joined"].map(name =>
      join(folder, `${attribution}-${name}.parquet`),
    ) as [string, string, string];
    await fc.assert(
      fc.asyncProperty(exposures, events, options, async (shown, happened, some) => {
        const all = some.eventId === undefined ? happened : alikeById(happened);
        const given = { attribution, window: 8, ...some } as JoinOptions;
        const wanted = reference(shown, all, given);
        await sql(parquet(logSql(shown), log), parquet(eventSql(all), file), "SELECT 1");
        const joined = joinFeedback([log], [file], out, given);
        const names = new Set(all.map(one => one.event));
        const counted = given.rewards ? [...given.rewards.keys()] : given.labels;
        if (wanted.counts.matched === 0) {
          await expect(joined).rejects.toThrow(
            counted && !counted.some(name => names.has(name)) ? /no event is named/ : /^none of \d+ events matches/,
          );
          return;
        }
        const { events: counts } = await joined;
        expect(counts).toEqual({ ...wanted.counts, withoutReward: 0 });
        const weight = given.negatives === undefined ? "NULL" : "weight";
        const rows = await sql(
          `SELECT request_id, request_row, item::INTEGER, "position", label, reward, (epoch_us(event_time) // 1000000 - ${START})::INTEGER, ${weight} FROM read_parquet(${literal(out)})`,
        );
        expect(
          rows.map(row => row.map((cell, i) => (i === 7 && given.negatives === undefined ? undefined : cell))),
        ).toEqual(wanted.rows);
        const before = readFileSync(out);
        await sql(parquet(logSql(shown.toReversed()), log), parquet(eventSql(all.toReversed()), file), "SELECT 1");
        await joinFeedback([log], [file], out, { ...given, threads: 1 });
        expect(readFileSync(out).equals(before)).toBe(true);
      }),
      // A shrink would run the database for minutes. The message has the seed and the path.
      { numRuns: Number(process.env.FUZZ ?? 25), endOnFailure: true },
    );
  },
  300_000,
);
