import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { lower } from "#compiler/4-plan/lower.js";
import { PASS_NAMES, type PassName } from "#compiler/4-plan/pass-names.js";
import { optimise } from "#compiler/4-plan/passes.js";
import type { Plan } from "#contract/plan.js";
import { parsePlan, printPlan } from "#contract/plan.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { context, grouped, type Item, lists, noModels, plain, scalars, vectors } from "../../operators/step.js";
import { instruction, type RandomProgram, randomProgram } from "../random-program.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-passes-"));
afterAll(() => rmSync(folder, { recursive: true }));

const placed = new Set<string>();
/** Puts the files that a program's steps need where their plan looks for them. */
function place({ inferred }: RandomProgram): void {
  for (const file of inferred.steps.flatMap(step => step.files ?? [])) {
    const to = join(folder, file.to);
    if (placed.has(to)) continue;
    placed.add(to);
    mkdirSync(dirname(to), { recursive: true });
    if ("from" in file) cpSync(file.from, to, { recursive: true });
    else if ("store" in file) cpSync(file.store, to);
    else writeFileSync(to, "text" in file ? file.text : file.bytes);
  }
}

const nullable = (value: fc.Arbitrary<Item>) => fc.option(value, { nil: null, freq: 4 });
/** Rows of a request; users 1 to 3 are in the store, 4 and 5 are not. */
const requestRow = fc.record({
  user_id: fc.bigInt({ min: 1n, max: 5n }),
  a: nullable(fc.float({ min: -100, max: 100, noNaN: true })),
  b: nullable(fc.bigInt({ min: -100n, max: 100n })),
  c: nullable(fc.string({ maxLength: 3 })),
  d: nullable(fc.double({ min: -100, max: 100, noNaN: true })),
  purchased: fc.array(fc.bigInt({ min: 0n, max: 20n }), { maxLength: 4 }),
  query: fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }),
});
type RequestRow = typeof requestRow extends fc.Arbitrary<infer T> ? T : never;

function requestColumns(rows: readonly RequestRow[]): Map<string, Column> {
  const same = rootRows(rows.length);
  return new Map([
    [
      "user_id",
      scalars(
        "int64",
        rows.map(r => r.user_id),
        same,
      ),
    ],
    [
      "a",
      scalars(
        "float32",
        rows.map(r => r.a),
        same,
      ),
    ],
    [
      "b",
      scalars(
        "int64",
        rows.map(r => r.b),
        same,
      ),
    ],
    [
      "c",
      scalars(
        "string",
        rows.map(r => r.c),
        same,
      ),
    ],
    [
      "d",
      scalars(
        "float64",
        rows.map(r => r.d),
        same,
      ),
    ],
    [
      "purchased",
      lists(
        "int64",
        rows.map(r => r.purchased),
        same,
      ),
    ],
    [
      "query",
      vectors(
        "float32",
        rows.map(r => r.query),
        4,
        same,
      ),
    ],
  ]);
}

async function answer(plan: Plan, rows: readonly RequestRow[]): Promise<unknown> {
  // The executed plan is one that can be written and parsed again.
  const executable = await preparePlan(parsePlan(printPlan(plan), "plan.json"), { folder, models: noModels });
  try {
    const { columns } = await executable.run(requestColumns(rows), context());
    return [...columns].map(([name, col]) => [name, col.dtype, col.rows.parent ? grouped(col) : plain(col)]);
  } catch (error) {
    return { fault: (error as Error).message.replace(/^step `[^`]*` /, "") };
  } finally {
    await executable.close();
  }
}

test("an optimized plan equals the plain one, with any passes off", async () => {
  const did = new Map<PassName, number>();
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(instruction, { minLength: 4, maxLength: 24 }),
      fc.array(requestRow, { maxLength: 5 }),
      fc.subarray([...PASS_NAMES]),
      async (instructions, rows, off) => {
        const program = randomProgram(instructions);
        place(program);
        const plain = lower(program.graph, program.inferred);
        const { plan, reports } = optimise(plain, new Set(off));
        for (const { pass, notes } of reports) did.set(pass, (did.get(pass) ?? 0) + notes.length);
        const expected = await answer(plain, rows);
        // A plan that fails may fail later, or, if the failing step is unread, not at all.
        if (typeof expected === "object" && expected !== null && "fault" in expected) return;
        answered++;
        expect(await answer(plan, rows)).toEqual(expected);
        expect(plan.steps.length).toBe(plain.steps.length - savedSteps(reports));
      },
    ),
    { numRuns: 500 },
  );
  expect(answered).toBeGreaterThan(300);
  for (const pass of PASS_NAMES) expect([pass, (did.get(pass) ?? 0) > 5]).toEqual([pass, true]);
}, 120_000);

const savedSteps = (reports: ReturnType<typeof optimise>["reports"]): number =>
  reports.flatMap(r => r.notes).reduce((sum, note) => sum + (note.saves.steps ?? 0), 0);
