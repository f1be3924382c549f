// Fusing changes only the number of steps. Random chains of element-wise steps over random columns of every dtype return the same bits
// fused and one by one. Lists, nulls, NaN, infinities, -0 and rows beyond a block are included.
import fc from "fast-check";
import { expect, test } from "vitest";
import { optimise } from "#compiler/4-plan/passes.js";
import { fittedStep } from "#contract/any-step.js";
import { expandFused } from "#contract/expand-fused.js";
import type { Expression } from "#contract/expression.js";
import { valueTypeOf } from "#contract/expression-type.js";
import type { AnyStep, ColumnRef, Plan } from "#contract/plan.js";
import { parsePlan, printPlan } from "#contract/plan.js";
import type { ColumnSchema } from "#contract/schema.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import { type DType, datatype } from "#triton-protos/datatype.js";
import {
  context,
  type Item,
  lists,
  makeStep,
  noModels,
  plain,
  prepareKernel,
  scalars,
} from "../../tests/operators/step.js";

const DTYPES = ["float32", "float64", "int8", "uint8", "int32", "int64", "uint64", "bool"] as const satisfies DType[];

/** A column of the plan to be, and who makes it. */
interface Made {
  readonly ref: Pick<ColumnRef, "step" | "column">;
  readonly schema: ColumnSchema;
}

const schemaOf = (name: string, dtype: DType, isList: boolean): ColumnSchema => ({
  name,
  dtype,
  rows: "request",
  tags: [],
  properties: {},
  ...(isList && { list: { min: 0, max: null } }),
});

const REQUEST: readonly ColumnSchema[] = DTYPES.flatMap(dtype => [
  schemaOf(`s_${dtype}`, dtype, false),
  schemaOf(`l_${dtype}`, dtype, true),
]);

const a = { column: "a" };
const b = { column: "b" };
const call = (name: string, ...args: Expression[]) => ({ call: name, args }) as Expression;
/** Functions of numbers `a` and `b`, and of a flag `a`. */
const NUMBERS: readonly Expression[] = [
  call("add", a, b),
  call("divide", a, b),
  call("if", call("less", a, { number: 0 }), { missing: true }, call("multiply", a, { number: 1.1 })),
  call("coalesce", a, call("negate", b)),
  call("round", call("divide", a, { number: 3 })),
  call("textLength", call("print", a)),
];
const OF_FLAG: readonly (readonly [Expression, DType])[] = [
  [call("not", a), "bool"],
  [call("isMissing", a), "bool"],
  [call("toNumber", a), "int32"],
  [call("if", a, { number: 2.5 }, { number: -1 }), "float32"],
];
const FLAGS: readonly Expression[] = [
  call("less", a, b),
  call("isMissing", a),
  call("not", call("equal", a, b)),
  call("if", call("less", a, { number: 0 }), { missing: true }, call("less", a, b)),
];

/** The same of integers, which are read exactly. */
const [m, n] = [{ column: "a", exact: true } as const, { column: "b", exact: true } as const];
const INTEGERS: readonly Expression[] = [
  call("addIntegers", m, n),
  call("multiplyIntegers", m, n),
  call("remainderIntegers", m, n),
  call("floorDivideIntegers", m, { integer: "-3" }),
  call("if", call("lessIntegers", m, n), m, call("subtractIntegers", n, m)),
  call("divide", call("widen", m), b),
];
const INTEGER_FLAGS: readonly Expression[] = [call("lessIntegers", m, n), call("equal", m, n)];

interface Choice {
  readonly op: number;
  readonly from: readonly number[];
  readonly x: number;
  readonly y: number;
}
const choice: fc.Arbitrary<Choice> = fc.record({
  op: fc.nat(9),
  // The latest columns mostly, so that chains get long.
  from: fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(60) }), {
    minLength: 1,
    maxLength: 3,
  }),
  x: fc.integer({ min: -5, max: 5 }),
  y: fc.integer({ min: 0, max: 9 }),
});

const isInteger = (dtype: DType) => ["int", "uint"].includes(datatype(dtype).kind);
const isNumber = ({ schema }: Made) => schema.dtype !== "bool";

/** A step of the choice over columns made so far; undefined where it cannot be. */
function stepOf(id: string, { op, from, x, y }: Choice, made: readonly Made[]): AnyStep | undefined {
  const picked = [...new Set(from.map(n => made.at(-1 - (n % made.length))!))];
  const columns = picked.filter((m, i) => picked.findIndex(o => o.schema.name === m.schema.name) === i);
  const numbers = columns.filter(isNumber);
  const step = (kind: string, of: readonly Made[], params: object, outputs: readonly ColumnSchema[], state?: object) =>
    of.length === 0
      ? undefined
      : ({
          id,
          op: kind,
          label: id,
          params,
          ...(state && { state }),
          inputs: { input: of.map(m => ({ name: m.schema.name, ...m.ref })) },
          outputs,
        } as unknown as AnyStep);
  const as = (of: readonly Made[], dtype?: DType) => of.map(({ schema }) => ({ ...schema, ...(dtype && { dtype }) }));
  const perColumn = (of: readonly Made[], value: object) => ({
    columns: Object.fromEntries(of.map(m => [m.schema.name, value])),
  });
  const outDtype = y % 2 ? "float32" : "float64";
  switch (op) {
    case 0: {
      const fill = isInteger(numbers[0]?.schema.dtype ?? "bool") ? Math.abs(x) : x + 0.1;
      const same = numbers.filter(m => isInteger(m.schema.dtype) === Number.isInteger(fill));
      const flags = same.flatMap(m => [
        m.schema,
        { ...m.schema, name: `${m.schema.name}_filled`, dtype: "bool" as const },
      ]);
      return step("fillMissing", same, { fillValue: fill, addBinaryColumns: y > 6 }, y > 6 ? flags : as(same));
    }
    case 1:
      return step("clip", numbers, { min: x - 2.5, max: x + y + 0.25 }, as(numbers));
    case 2:
      return step("logOp", numbers, {}, as(numbers, "float32"));
    case 3:
      return step(
        "normalize",
        numbers,
        { outDtype },
        as(numbers, outDtype),
        perColumn(numbers, { mean: x / 3, std: y / 2 }),
      );
    case 4:
      return step(
        "normalizeMinMax",
        numbers,
        { outDtype },
        as(numbers, outDtype),
        perColumn(numbers, { min: x, max: x + y }),
      );
    case 5:
      return step("bucketize", numbers, { boundaries: [x - 1, x, x + y + 0.5] }, as(numbers, "int32"));
    case 6:
      return step(
        "fillMedian",
        numbers,
        { addBinaryColumns: false },
        as(numbers),
        perColumn(numbers, { median: Math.abs(x) }),
      );
    case 9: {
      const flag = columns.find(m => m.schema.dtype === "bool" && !m.schema.list);
      const [expression, dtype] = OF_FLAG[y % OF_FLAG.length]!;
      const made = step("lambdaOp", flag ? [flag] : [], { text: "f", expressions: { f: expression }, dtype }, [
        schemaOf("f", dtype, false),
      ]);
      return (
        made && ({ ...made, inputs: { input: made.inputs.input!.map(ref => ({ ...ref, name: "a" })) } } as AnyStep)
      );
    }
    default: {
      const scalar = numbers.filter(m => !m.schema.list);
      if (scalar.length < 2) return undefined;
      const isFlag = op === 8;
      const areIntegers = x > 0 && scalar.slice(0, 2).every(({ schema }) => valueTypeOf(schema) === "integer");
      const [flags, ofNumbers] = areIntegers ? [INTEGER_FLAGS, INTEGERS] : [FLAGS, NUMBERS];
      const expression = isFlag ? flags[y % flags.length]! : ofNumbers[y % ofNumbers.length]!;
      const dtype = isFlag ? "bool" : (["float64", "float32", "int32", "uint8", "int64"] as const)[Math.abs(x) % 5]!;
      const made = step("lambdaOp", scalar.slice(0, 2), { text: "f", expressions: { f: expression }, dtype }, [
        schemaOf("f", dtype, false),
      ]);
      return (
        made &&
        ({ ...made, inputs: { input: made.inputs.input!.map((ref, i) => ({ ...ref, name: "ab"[i]! })) } } as AnyStep)
      );
    }
  }
}

function planOf(choices: readonly Choice[], answered: readonly number[]): Plan {
  const made: Made[] = REQUEST.map(schema => ({ ref: { step: "request", column: schema.name }, schema }));
  const steps: AnyStep[] = [];
  for (const [i, each] of choices.entries()) {
    const step = stepOf(`s${i}`, each, made);
    if (!step) continue;
    steps.push(step);
    for (const schema of step.outputs) made.push({ ref: { step: step.id, column: schema.name }, schema });
  }
  const last = made.slice(-3).map((_, i) => i);
  const outputs = [...new Set([...last, ...answered.map(n => n % made.length)])].map((n, i) => {
    const { ref, schema } = made.at(-1 - n)!;
    return { ref: { name: schema.name, ...ref }, schema: { ...schema, name: `out${i}` } };
  });
  const plan = { format: "merlon/plan", version: 1, kind: "workflow", name: "random", inputs: REQUEST, steps, outputs };
  return parsePlan(printPlan(plan as Plan), "plan.json");
}

const item = (dtype: DType): fc.Arbitrary<Item> => {
  const { kind, bytes } = datatype(dtype);
  const bits = bytes * 8;
  const value: fc.Arbitrary<Item> =
    kind === "bool"
      ? fc.boolean()
      : kind === "float"
        ? fc.oneof(
            dtype === "float32" ? fc.float() : fc.double(),
            fc.constantFrom(-0, 0.1, -1, 1e30).map(n => (dtype === "float32" ? Math.fround(n) : n)),
          )
        : bytes === 8
          ? fc.oneof(
              fc.bigInt({ min: kind === "uint" ? 0n : -9n, max: 9n }),
              fc.bigInt({
                min: kind === "uint" ? 0n : -(2n ** 63n),
                max: kind === "uint" ? 2n ** 64n - 1n : 2n ** 63n - 1n,
              }),
            )
          : fc.integer({
              min: kind === "uint" ? 0 : -(2 ** (bits - 1)),
              max: 2 ** (kind === "uint" ? bits : bits - 1) - 1,
            });
  return fc.option(value, { nil: null, freq: 4 });
};

const table = fc.record(
  Object.fromEntries(DTYPES.map(dtype => [dtype, fc.array(item(dtype), { minLength: 1, maxLength: 7 })])),
) as fc.Arbitrary<Record<DType, Item[]>>;

/** `count` rows that repeat the items; lists take none to three of them. */
function columnsOf(items: Readonly<Record<string, readonly Item[]>>, count: number): Map<string, Column> {
  const rows = rootRows(count);
  return new Map(
    DTYPES.flatMap(dtype => {
      const all = items[dtype]!;
      const at = (i: number) => all[i % all.length]!;
      const scalar = scalars(
        dtype,
        Array.from({ length: count }, (_, i) => at(i)),
        rows,
      );
      const runs = Array.from({ length: count }, (_, i) => Array.from({ length: i % 4 }, (_, j) => at(i + j)));
      const flat = scalars(dtype, runs.flat());
      const list = {
        ...lists(
          dtype,
          runs.map(run => run.map(() => 0)),
          rows,
        ),
        values: flat.values,
        ...(flat.validity && { validity: flat.validity }),
      };
      return [[`s_${dtype}`, scalar] as const, [`l_${dtype}`, list] as const];
    }),
  );
}

async function answer(plan: Plan, columns: Map<string, Column>): Promise<unknown> {
  const executable = await preparePlan(parsePlan(printPlan(plan), "plan.json"), { folder: "", models: noModels });
  const result = await executable.run(columns, context());
  return [...result.columns].map(([name, col]) => [name, col.dtype, plain(col)]);
}

/** A sum of an int8 and an int32 is an int64, which the block alone reads. */
const INTEGERS_INSIDE = ((): [Choice[], number[], Record<DType, Item[]>, number] => {
  const placeOf = (name: string) => REQUEST.length - 1 - REQUEST.findIndex(schema => schema.name === name);
  const latest = (op: number): Choice => ({ op, from: [0], x: 1, y: 1 });
  const sum = { op: 7, from: [placeOf("s_int8"), placeOf("s_int32")], x: 4, y: 0 };
  const items = Object.fromEntries(DTYPES.map(dtype => [dtype, [dtype === "bool" ? true : 1, null]]));
  const large = { ...items, int8: [127, -128, null, 0], int32: [2 ** 31 - 1, -(2 ** 31), 5, 0] };
  return [[sum, latest(2), latest(1), latest(3)], [], large as unknown as Record<DType, Item[]>, 4];
})();

test("fused steps answer what the steps answer one by one, and expand to them again", async () => {
  let fused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(choice, { minLength: 3, maxLength: 14 }),
      fc.array(fc.nat(60), { maxLength: 3 }),
      table,
      fc.oneof({ weight: 6, arbitrary: fc.nat(9) }, { weight: 1, arbitrary: fc.constantFrom(1024, 1500) }),
      async (choices, answered, items, count) => {
        const plain = planOf(choices, answered);
        const { plan } = optimise(
          plain,
          new Set(["forwardMetadata", "shareEqualSteps", "pruneColumns", "mergeLookups"]),
        );
        fused += plan.steps.reduce((sum, step) => sum + (step.parts ? step.parts.length - 1 : 0), 0);
        const columns = columnsOf(items, count);
        const expected = await answer(plain, columns);
        expect(await answer(plan, columns)).toEqual(expected);
        const expanded = expandFused(plan);
        expect(new Set(expanded.steps)).toEqual(new Set(plain.steps));
        expect(expanded.outputs).toEqual(plain.outputs);
        expect(await answer(expanded, columns)).toEqual(expected);
      },
    ),
    { numRuns: Number(process.env.FUSE_RUNS ?? 150), examples: [INTEGERS_INSIDE] },
  );
  expect(fused).toBeGreaterThan(300);
}, 600_000);

/** `x` filled, capped and filled again as one step. @param last the operator of the third part */
const three = (dtype: DType, last = "fillMissing") => {
  const schema = schemaOf("x", dtype, false);
  const part = (id: string, op: string, params: object, from: string) =>
    ({
      id,
      op,
      label: id,
      params,
      inputs: { input: [{ name: "x", step: from, column: "x" }] },
      outputs: [schema],
    }) as unknown as AnyStep;
  const params = { outputs: { x: { step: "c", column: "x" } } };
  return {
    ...makeStep("fused", { params, inputs: { input: ["x"] }, outputs: [schema] }),
    parts: [
      part("a", "fillMissing", { fillValue: 7, addBinaryColumns: false }, "request"),
      part("b", "clip", { max: 5 }, "a"),
      part("c", last, { fillValue: 0, addBinaryColumns: false }, "b"),
    ],
  } as unknown as AnyStep;
};
const prepareFused = (step: AnyStep) => prepareKernel(fittedStep(step), { folder: "", models: noModels });

test("text, also of no rows, is refused by the part that reads it", async () => {
  const kernel = await prepareFused(three("float64"));
  for (const items of [["a"], []])
    expect(() => kernel.run({ input: [scalars("string", items)] }, context())).toThrow(/step `a` \(fillMissing\)/);
});

test("a part that is not element-wise, and an output that is not from an input", async () => {
  await expect(prepareFused(three("float64", "topK"))).rejects.toThrow(
    "step `c` (topK) is not a part of a fused step. Build the plan again.",
  );
  const step = three("float64") as AnyStep & { parts: AnyStep[] };
  const odd = { ...step.parts[1]!, outputs: [schemaOf("y", "float64", false)] };
  await expect(prepareFused({ ...step, parts: [step.parts[0]!, odd as AnyStep] } as AnyStep)).rejects.toThrow(
    "step `b` (clip) has an output `y` that is not from any of its inputs.",
  );
});
