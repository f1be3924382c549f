import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { lower } from "#compiler/4-plan/lower.js";
import { PASS_NAMES, type PassName } from "#compiler/4-plan/pass-names.js";
import { optimise } from "#compiler/4-plan/passes.js";
import { compile } from "#compiler/index.js";
import { stateOf } from "#contract/any-step.js";
import type { AnyStep, Plan } from "#contract/plan.js";
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

const column = (name: string) => ({ name, dtype: "float32" as const, rows: "request", tags: [], properties: {} });
const lookup = (id: string, features: Record<string, string>, onMissing: unknown = "null") => ({
  id,
  op: "queryFeast",
  label: id,
  params: {
    repository: "features",
    view: "v",
    entityColumn: "user_id",
    includeId: false,
    prefix: "",
    onMissing,
    features,
  },
  artefacts: { repository: "features/features" },
  inputs: { input: [{ name: "user_id", step: "request", column: "user_id" }] },
  outputs: Object.keys(features).map(column),
});
const planOf = (steps: unknown[], answers: readonly (readonly [string, string])[]): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "p",
      inputs: [{ name: "user_id", dtype: "int64" }],
      steps,
      outputs: answers.map(([step, name]) => ({
        ref: { name, step, column: name },
        schema: { ...column(`${step}_${name}`) },
      })),
    }),
    "plan.json",
  );
const feast = (step: AnyStep | undefined) => {
  if (step?.op !== "queryFeast") throw new Error("a look-up is wanted");
  return { features: step.params.features, onMissing: step.params.onMissing, outputs: step.outputs.map(c => c.name) };
};

describe("mergeLookups", () => {
  test("two look-ups of a view become one that fetches both's features, a shared one once", () => {
    const { plan, reports } = optimise(
      planOf(
        [lookup("one", { age: "age", city: "city" }), lookup("two", { u_age: "age", age: "height" })],
        [
          ["one", "age"],
          ["one", "city"],
          ["two", "u_age"],
          ["two", "age"],
        ],
      ),
    );
    expect(plan.steps.map(feast)).toEqual([
      {
        features: { age: "age", city: "city", "age#2": "height" },
        onMissing: "null",
        outputs: ["age", "city", "age#2"],
      },
    ]);
    expect(plan.outputs.map(o => [o.schema.name, o.ref.step, o.ref.column])).toEqual([
      ["one_age", "one", "age"],
      ["one_city", "one", "city"],
      ["two_u_age", "one", "age"],
      ["two_age", "one", "age#2"],
    ]);
    expect(reports.find(r => r.pass === "mergeLookups")!.notes).toEqual([
      {
        step: "two",
        into: "one",
        text: "looks the same keys up in the same view as `one`, which now fetches `age#2` too",
        saves: { steps: 1, lookups: 1, columns: 1 },
      },
    ]);
  });

  test("each feature keeps what it becomes when it is missing", () => {
    const { plan } = optimise(
      planOf(
        [lookup("one", { age: "age" }, "error"), lookup("two", { city: "city" }, { default: 1 })],
        [
          ["one", "age"],
          ["two", "city"],
        ],
      ),
    );
    expect(plan.steps.map(feast)).toEqual([
      {
        features: { age: "age", city: "city" },
        onMissing: { age: "error", city: { default: 1 } },
        outputs: ["age", "city"],
      },
    ]);
  });

  test("look-ups that disagree on a missing feature stay apart", () => {
    const two = [lookup("one", { age: "age" }, "error"), lookup("two", { u_age: "age" }, "null")];
    const { plan, reports } = optimise(
      planOf(two, [
        ["one", "age"],
        ["two", "u_age"],
      ]),
    );
    expect(plan.steps).toHaveLength(2);
    expect(reports.find(r => r.pass === "mergeLookups")!.notes).toEqual([]);
  });
});

test("a step's fitted state is its equal's too, so that they stay one", async () => {
  const file = join(folder, "twins.workflow.ts");
  writeFileSync(
    file,
    `import { categorify, rename, source, workflow } from "merlon";
const events = source({ brand: "string" });
const one = events["brand"] >> categorify();
const two = events["brand"] >> categorify() >> rename({ postfix: "_again" });
export default workflow("twins", one + two);
`,
  );
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  expect(compiled.plan.steps.map(s => s.id)).toEqual(["one.categorify"]);
  const state = { columns: { brand: { vocabulary: "categories/unique.brand.arrow", cardinality: 7 } } };
  const fitted = compiled.withState(new Map([["one.categorify", state]]));
  expect(fitted.steps.map(s => [s.id, stateOf(s)])).toEqual([["one.categorify", state]]);
  for (const { schema, ref } of fitted.outputs) {
    expect([ref.step, ref.column]).toEqual(["one.categorify", "brand"]);
    expect(schema.properties.domain).toMatchObject({ max: 6 });
  }
});

describe("pruneColumns", () => {
  test("an unread feature is not fetched, and an unread step is removed", () => {
    const { plan, reports } = optimise(
      planOf([lookup("one", { age: "age", city: "city" }), lookup("two", { x: "x" }, "error")], [["one", "city"]]),
    );
    expect(plan.steps.map(feast)).toEqual([{ features: { city: "city" }, onMissing: "null", outputs: ["city"] }]);
    expect(reports.find(r => r.pass === "pruneColumns")!.notes).toEqual([
      { step: "one", text: "does not fetch `age`: nobody reads it", saves: { columns: 1 } },
      { step: "two", text: "is removed: no step reads its output", saves: { steps: 1, columns: 1, lookups: 1 } },
    ]);
  });

  test("a model's unread output is not requested", () => {
    const model = {
      id: "rank",
      op: "predictOnnx",
      label: "rank",
      params: { path: "m.onnx", model: "m", inputs: { x: "age" }, outputs: { click: "click_t", buy: "buy_t" } },
      inputs: { input: [{ name: "age", step: "one", column: "age" }] },
      outputs: [column("click"), column("buy")],
    };
    const { plan } = optimise(planOf([lookup("one", { age: "age" }), model], [["rank", "buy"]]));
    const step = plan.steps[1]!;
    expect(step.op === "predictOnnx" && [step.params.outputs, step.outputs.map(c => c.name)]).toEqual([
      { buy: "buy_t" },
      ["buy"],
    ]);
  });

  test("off is off", () => {
    const plain = planOf([lookup("one", { age: "age", city: "city" })], [["one", "city"]]);
    const { plan, reports } = optimise(plain, new Set(["pruneColumns"]));
    expect(plan).toEqual(plain);
    expect(reports.map(r => [r.pass, r.off])).toEqual([
      ["forwardMetadata", false],
      ["shareEqualSteps", false],
      ["pruneColumns", true],
      ["mergeLookups", false],
      ["fuseElementwise", false],
    ]);
  });
});
