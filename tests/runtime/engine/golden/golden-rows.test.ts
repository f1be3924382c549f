// Golden rows: columns as JSON and back, and the first cell that differs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type Plan, parsePlan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import type { Cell } from "#runtime/engine/golden/cells.js";
import { printGolden, readGolden } from "#runtime/engine/golden/golden-rows.js";
import { replay, sayDifference } from "#runtime/engine/golden/replay.js";
import { preparePlanWith } from "#runtime/engine/schedule/prepare-plan.js";
import { noModels, prepareKernel } from "../../../operators/step.js";

const x = column("x", "float32");
const ALL: readonly ColumnSchema[] = [
  x,
  column("d", "float64"),
  column("n", "int64"),
  column("s", "string"),
  column("l", "int64", { list: { min: 0, max: null } }),
];
const plan: Plan = parsePlan(
  JSON.stringify({
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "w",
    inputs: ALL,
    steps: [
      {
        id: "cap",
        label: "cap",
        op: "clip",
        params: { max: 100 },
        inputs: { input: [{ name: "x", step: "request", column: "x" }] },
        outputs: [x],
      },
    ],
    outputs: ALL.map(schema => ({
      ref: { name: schema.name, step: schema.name === "x" ? "cap" : "request", column: schema.name },
      schema,
    })),
  }),
  "workflow.json",
);
const inputs: Readonly<Record<string, readonly Cell[]>> = {
  x: [1.5, 200, null],
  d: [1e6, "Infinity", -2],
  n: [1, null, "9007199254740993"],
  s: ["a", "", null],
  l: [[1, 2], [], [null]],
};
const made = { ...inputs, x: [1.5, 100, null] };
const ask = async (outputs: Readonly<Record<string, readonly Cell[]>>, of = inputs) => {
  const executable = await preparePlanWith((step, context) => prepareKernel(step, context), fittedPlan(plan), {
    folder: ".",
    models: noModels,
  });
  const difference = await replay(executable, { rows: 3, inputs: of, outputs });
  await executable.close();
  return difference && sayDifference(difference);
};
const changed = (name: string, row: number, cell: Cell) => ({
  ...made,
  [name]: made[name as keyof typeof made].with(row, cell as never),
});

describe("replayed", () => {
  test("rows with unchanged results; columns that no golden row has", async () => {
    expect(await ask(made)).toBeUndefined();
    expect(await ask({ x: made.x, other: [1, 2, 3] })).toBeUndefined();
    expect(await ask({})).toBeUndefined();
    // Inputs that were not stored are null.
    const { s: _, ...rest } = inputs;
    expect(await ask({ s: [null, null, null] }, rest)).toBeUndefined();
  });
  test.each<[string, Readonly<Record<string, readonly Cell[]>>, string | undefined]>([
    ["a float32 in its last bits", changed("x", 0, 1.5 + 2e-7), undefined],
    [
      "a float32 beyond them",
      changed("x", 0, 1.5 + 4e-7),
      "column `x`, row 0, of step `cap` (clip) is 1.5, where 1.5000004 is expected",
    ],
    ["a float64 in its last bits", changed("d", 0, 1e6 + 9e-7), undefined],
    [
      "a float64 beyond them",
      changed("d", 0, 1e6 + 2e-6),
      "column `d`, row 0, of step `request` (source) is 1000000, where 1000000.000002 is expected",
    ],
    [
      "an infinity",
      changed("d", 1, 5),
      'column `d`, row 1, of step `request` (source) is "Infinity", where 5 is expected',
    ],
    [
      "an integer",
      changed("n", 2, "9007199254740992"),
      'column `n`, row 2, of step `request` (source) is "9007199254740993", where "9007199254740992" is expected',
    ],
    [
      "an integer that is near",
      changed("n", 0, 1.0000001),
      "column `n`, row 0, of step `request` (source) is 1, where 1.0000001 is expected",
    ],
    ["a null", changed("n", 1, 0), "column `n`, row 1, of step `request` (source) is null, where 0 is expected"],
    ["a text", changed("s", 1, " "), 'column `s`, row 1, of step `request` (source) is "", where " " is expected'],
    [
      "an item",
      changed("l", 0, [1, 3]),
      "column `l`, row 0, of step `request` (source) is [1,2], where [1,3] is expected",
    ],
    [
      "a longer list",
      changed("l", 0, [1, 2, 3]),
      "column `l`, row 0, of step `request` (source) is [1,2], where [1,2,3] is expected",
    ],
    [
      "a shorter list",
      changed("l", 0, [1]),
      "column `l`, row 0, of step `request` (source) is [1,2], where [1] is expected",
    ],
    [
      "rows that are missing",
      { ...made, x: [1.5] },
      "column `x` of step `cap` (clip) is 3 rows, where 1 rows is expected",
    ],
    [
      "the first of two",
      { ...changed("s", 2, "b"), x: [1.5, 100, 0] },
      "column `x`, row 2, of step `cap` (clip) is null, where 0 is expected",
    ],
  ])("%s", async (_, outputs, difference) => {
    expect(await ask(outputs)).toBe(difference);
  });
});

describe("a file of golden rows", () => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-golden-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  test("is read as it was written; one that is none is named", () => {
    expect(readGolden(folder)).toBeUndefined();
    const file = join(folder, "golden.json");
    writeFileSync(file, printGolden({ rows: 3, inputs, outputs: made }));
    expect(readGolden(folder)).toMatchObject({ rows: 3, inputs, outputs: made });
    for (const odd of [
      "",
      "{}",
      printGolden({ rows: 0, inputs, outputs: made }),
      printGolden({ rows: 1, inputs, outputs: { x: [{}] as never } }),
    ]) {
      writeFileSync(file, odd);
      expect(() => readGolden(folder)).toThrow(`${file} does not hold golden rows. Run \`merlon fit\` again.`);
    }
  });
});
