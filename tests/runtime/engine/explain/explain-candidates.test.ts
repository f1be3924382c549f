/** The story of each candidate of a run, against a model: the step that found it, its scores, the step that dropped it, its place. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OpKind, OpParamsInput } from "#contract/op-params.js";
import type { AnyStep, Plan } from "#contract/plan.js";
import { type ColumnSchema, column } from "#contract/schema.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { explainCandidates } from "#runtime/engine/explain/explain-candidates.js";
import { candidates, makeStep, scalars } from "../../../operators/step.js";

type Ids = readonly (readonly number[])[];

/** A step that reads `port: "step.column"`. */
const stepOf = <K extends OpKind>(
  op: K,
  id: string,
  params: OpParamsInput[K],
  reads: Readonly<Record<string, string>>,
  outputs: readonly ColumnSchema[],
): AnyStep =>
  ({
    ...makeStep(op, { id, params, inputs: {}, outputs }),
    inputs: Object.fromEntries(
      Object.entries(reads).map(([port, path]) => {
        const [step, name] = path.split(".") as [string, string];
        return [port, [{ name, step, column: name }]];
      }),
    ),
  }) as unknown as AnyStep;
const id = (rows: string): ColumnSchema => column("id", "int64", { rows, tags: ["id"] });
const score = (rows: string, name = "score"): ColumnSchema => column(name, "float32", { rows });
const finds = (name: string) => stepOf("queryFaiss", name, { path: "i" }, { input: "request.v" }, [id(name)]);
const filters = (name: string, from: string) =>
  stepOf("filterCandidates", name, {}, { input: `${from}.id` }, [id(name)]);
const scores = (name: string, from: string) =>
  stepOf("predictOnnx", name, { path: "m", model: "m", inputs: {}, outputs: {} }, { input: `${from}.id` }, [
    score(from),
  ]);
const orders = (name: string, from: string, relevance: string) =>
  stepOf("softmaxSampling", name, {}, { input: `${from}.id`, relevance: `${relevance}.score` }, [id(name)]);
const planOf = (...steps: readonly AnyStep[]): Plan => ({ ...({} as Plan), steps, outputs: [] });

type Columns = Readonly<Record<string, Column>>;
const explain = (plan: Plan, columns: Columns, fallbacks: readonly string[] = [], one?: readonly number[]) =>
  explainCandidates(plan, {
    ...(one && { sides: new Map([["one", one]]) }),
    columnOf: (step, name) => columns[`${step}.${name}`],
    fallbacks: new Map(fallbacks.map(step => [step, "late"])),
  });
const users = rootRows(2);
const ids = (of: Ids, rows = rootRows(of.length)): Column => candidates("int64", of, rows);

describe("a search, a filter, a model and an ordering", () => {
  const plan = planOf(
    finds("found"),
    filters("kept", "found"),
    scores("model", "kept"),
    orders("best", "kept", "model"),
  );
  const user = fc
    .uniqueArray(fc.nat({ max: 40 }), { maxLength: 8 })
    .chain(found =>
      fc
        .subarray(found)
        .chain(kept =>
          fc.record({ found: fc.constant(found), kept: fc.constant(kept), best: fc.shuffledSubarray(kept) }),
        ),
    );
  test("have each candidate's rank, score, place, and the step that dropped it", () => {
    fc.assert(
      fc.property(fc.array(user, { minLength: 1, maxLength: 4 }), all => {
        const of = (step: "found" | "kept" | "best") => ids(all.map(one => one[step]));
        const kept = of("kept");
        const scored = scalars(
          "float32",
          [...kept.values].map(value => Number(value) / 2),
          kept.rows,
        );
        const columns = { "found.id": of("found"), "kept.id": kept, "model.score": scored, "best.id": of("best") };
        expect(explain(plan, columns)).toEqual(
          all.map(one =>
            one.found.map((candidate, i) => ({
              ...{ id: candidate, from: "found", rank: i + 1 },
              scores: one.kept.includes(candidate) ? { "model.score": candidate / 2 } : {},
              ...(!one.kept.includes(candidate) && { droppedBy: "kept" }),
              ...(one.kept.includes(candidate) && !one.best.includes(candidate) && { droppedBy: "best" }),
              ...(one.best.includes(candidate) && { place: one.best.indexOf(candidate) + 1 }),
            })),
          ),
        );
      }),
    );
  });
});

describe("scores", () => {
  const found = ids([[1], [2]]);
  const of = (step: AnyStep, columns: Columns) =>
    explain(planOf(finds("found"), step), { "found.id": found, ...columns }).map(list => list[0]!.scores);
  const model = (...outputs: readonly ColumnSchema[]) =>
    stepOf("predictOnnx", "m", { path: "m", model: "m", inputs: {}, outputs: {} }, { input: "found.id" }, outputs);
  const floats = scalars("float32", [0.5, 0.25], found.rows);
  test("are the float columns of models, scalars, on rows of candidates", () => {
    const outputs = [
      score("found", "a"),
      column("n", "int64", { rows: "found" }),
      column("list", "float32", { rows: "found", list: { min: 0, max: null } }),
      score("request", "own"),
    ];
    const columns = { "m.a": floats, "m.n": floats, "m.list": floats, "m.own": floats };
    expect(of(model(...outputs), columns)).toEqual([{ "m.a": 0.5 }, { "m.a": 0.25 }]);
    expect(of(model(...outputs), {})).toEqual([{}, {}]);
  });
});

describe("several sources", () => {
  test("are merged: the first that found a candidate is its origin, and a merge drops from each", () => {
    const merge = stepOf("mergeCandidates", "all", {}, { input: "a.id", source2: "b.id" }, [id("all")]);
    const columns = { "a.id": ids([[1, 2]]), "b.id": ids([[3, 2, 4]]), "all.id": ids([[1, 3]]) };
    const [stories] = explain(planOf(finds("a"), finds("b"), merge), columns);
    expect(stories).toEqual([
      { id: 1, from: "a", rank: 1, scores: {} },
      { id: 2, from: "a", rank: 2, also: [{ from: "b", rank: 2 }], scores: {}, droppedBy: "all" },
      { id: 3, from: "b", rank: 1, scores: {} },
      { id: 4, from: "b", rank: 3, scores: {}, droppedBy: "all" },
    ]);
  });
  test("a source that was left out has found nothing", () => {
    const params = { sources: [{ name: "a" }, { name: "b", within: 5 }] };
    const merge = stepOf("mergeCandidates", "all", params, { input: "a.id", source2: "b.id" }, [id("all")]);
    const plan = planOf(finds("a"), finds("b"), merge);
    const columns = { "a.id": ids([[1]]), "b.id": ids([[1, 2]]), "all.id": ids([[1]]) };
    const columnOf = (step: string, name: string) => (columns as Record<string, Column>)[`${step}.${name}`];
    const leftOut = new Map([["all", new Map([["source2", "not done within 5 ms"]])]]);
    expect(explainCandidates(plan, { columnOf, fallbacks: new Map(), leftOut })).toEqual([
      [{ id: 1, from: "a", rank: 1, scores: {} }],
    ]);
  });
  const flag = column("flag", "bool");
  const choice = stepOf("choose", "one", {}, { input: "request.flag", yes: "a.id", no: "b.id" }, [id("one")]);
  const chosen: Plan = { ...planOf(finds("a"), finds("b"), choice), inputs: [flag] };
  test("are those of the side that a row takes", () => {
    const columns = {
      "request.flag": scalars("bool", [true, false], users),
      "a.id": ids([[1, 2], [1]], users),
      "b.id": ids([[3], [4, 5]], users),
      "one.id": ids([[1], [4, 5]], users),
    };
    expect(explain(chosen, columns, [], [0, 1])).toEqual([
      [
        { id: 1, from: "a", rank: 1, scores: {} },
        { id: 2, from: "a", rank: 2, scores: {}, droppedBy: "one" },
      ],
      [
        { id: 4, from: "b", rank: 1, scores: {} },
        { id: 5, from: "b", rank: 2, scores: {} },
      ],
    ]);
    // A side that no row took did not run.
    const { "b.id": _, ...onlyYes } = { ...columns, "request.flag": scalars("bool", [true, true], users) };
    expect(explain(chosen, { ...onlyYes, "one.id": ids([[1], [1]], users) }, [], [0, 0])).toEqual([
      [
        { id: 1, from: "a", rank: 1, scores: {} },
        { id: 2, from: "a", rank: 2, scores: {}, droppedBy: "one" },
      ],
      [{ id: 1, from: "a", rank: 1, scores: {} }],
    ]);
  });
});
