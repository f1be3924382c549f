// A plan whose log was edited is refused with the place and the reason; a plan without one is valid.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parsePlan } from "#contract/plan.js";
import type { PlanLog } from "#contract/plan-log.js";

const text = readFileSync(new URL("../samples/ensemble-log/expected.plan.json", import.meta.url), "utf8");

interface Edited {
  log: {
    item: { ref: { column: string }; schema: { rows: string; dtype: string } };
    columns: { ref: { step: string }; schema: { name: string; rows: string; dtype: string } }[];
    ids: unknown[];
    hashed: string[];
    candidates: unknown;
    retentionDays?: number;
    other?: number;
  };
}

const parse = (edit: (plan: Edited) => void) => {
  const plan = JSON.parse(text) as Edited;
  edit(plan);
  return () => parsePlan(JSON.stringify(plan), "plan.json");
};

test("the plan as it is, and without a log", () => {
  const { log } = parse(() => {})() as { log?: PlanLog };
  expect(log?.columns.map(({ schema }) => schema.name)).toEqual([
    "user_id",
    "item_price",
    "cheapness",
    "candidate_distances",
  ]);
  expect(parse(plan => delete (plan as Partial<Edited>).log)().log).toBeUndefined();
});

test.each<[string, (plan: Edited) => void, RegExp]>([
  [
    "a column that no step makes",
    ({ log }) => (log.item.ref.column = "gone"),
    /log reads column `gone` of step .*no step makes/,
  ],
  [
    "another dtype",
    ({ log }) => (log.columns[0]!.schema.dtype = "string"),
    /log reads `string user_id`.* makes `int64 user_id`/,
  ],
  ["other rows", ({ log }) => (log.item.schema.rows = "request"), /log reads .* with the rows of `request`/],
  [
    "a fixed column's name",
    ({ log }) => (log.columns[0]!.schema.name = "Propensity"),
    /`Propensity` is a column of every exposure log/,
  ],
  ["one name twice", ({ log }) => (log.columns[1]!.schema.name = "USER_ID"), /`user_id` and `USER_ID` are one name/],
  ["rows without ids", ({ log }) => (log.ids = []), /has the rows of `.*`, and log.ids has no ids of them/],
  ["a hash of nothing", ({ log }) => (log.hashed = ["nobody"]), /log.hashed names `nobody`/],
  ["a rate of 0", ({ log }) => (log.candidates = { all: 0 }), /log.candidates/],
  ["a rate above 1", ({ log }) => (log.candidates = { all: 1.5 }), /log.candidates/],
  ["no days", ({ log }) => (log.retentionDays = 0), /log.retentionDays/],
  ["an unknown property", ({ log }) => (log.other = 1), /log/],
])("%s", (_, edit, message) => {
  expect(parse(edit)).toThrow(message);
});
