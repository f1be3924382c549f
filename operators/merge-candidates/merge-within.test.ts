/** Sources that fail or are late are left out: of the merge, and of nothing else. */
import { describe, expect, test } from "vitest";
import { fittedPlan } from "#contract/any-step.js";
import { type AnyStep, type Plan, parsePlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { preparePlan } from "#runtime/engine/schedule/execute.js";
import type { PreparedKernel, RunContext } from "#runtime/engine/schedule/kernel.js";
import { candidates, grouped, noModels, scalars } from "../../tests/operators/step.js";
import { at } from "../../tests/runtime/server/served-plan.js";

type Behaviour = Readonly<Record<string, (users: readonly number[], context: RunContext) => Promise<void> | void>>;

const ids = (step: string) => column("candidate_ids", "int64", { rows: step, tags: ["id"] });
const finds = (id: string): AnyStep => ({
  id,
  op: "explode",
  label: id,
  params: { name: "candidate_ids" },
  inputs: { input: [at("request", "list")] },
  outputs: [ids(id)],
});
const merges = (
  sources: readonly { name: string; within?: number }[],
  ports: Readonly<Record<string, string>>,
  id = "merged",
): AnyStep =>
  ({
    id,
    op: "mergeCandidates",
    label: id,
    params: { name: "candidate_ids", method: "roundRobin", k: 60, normalize: "minMax", keepSource: true, sources },
    inputs: Object.fromEntries(Object.entries(ports).map(([port, step]) => [port, [at(step, "candidate_ids")]])),
    outputs: [
      ids(id),
      column("source", "int32", { rows: id }),
      ...sources.map(({ name }) => column(`${name}_rank`, "int32", { rows: id })),
    ],
  }) as unknown as AnyStep;
const planOf = (steps: readonly AnyStep[], output = "merged"): Plan =>
  parsePlan(
    JSON.stringify({
      format: "merlon/plan",
      version: 1,
      kind: "ensemble",
      name: "several",
      inputs: [column("user", "int64"), column("list", "int64", { list: { min: 0, max: null } })],
      steps,
      outputs: [{ ref: at(output, "candidate_ids"), schema: ids(output) }],
    }),
    "plan.json",
  );
const PORTS = { input: "near", source2: "bought", source3: "popular" };

/** A source finds its own number and, for each user, that of the user. */
function open(plan: Plan, behaviour: Behaviour) {
  const middleware = async (step: AnyStep, prepare: () => PreparedKernel | Promise<PreparedKernel>) => {
    const place = ["near", "bought", "popular"].indexOf(step.id);
    if (place < 0) return prepare();
    const run: PreparedKernel["run"] = async ({ input }, context) => {
      const { rows, values } = input![0]!;
      await behaviour[step.id]?.(Array.from(values as BigInt64Array, Number), context);
      return [
        candidates(
          "int64",
          Array.from({ length: rows.count }, () => [10 * (place + 1), 7]),
          rows,
        ),
      ];
    };
    return { run };
  };
  return preparePlan(fittedPlan(plan), { folder: ".", models: noModels, middleware });
}

async function ask(plan: Plan, behaviour: Behaviour, users: readonly number[] = [1], signal?: RunContext["signal"]) {
  const executable = await open(plan, behaviour);
  const rows = rootRows(users.length);
  const list = {
    ...scalars("int64", users),
    rows,
    offsets: Int32Array.from({ length: users.length + 1 }, (_, i) => i),
  };
  const columns = new Map([
    ["user", scalars("int64", users, rows)],
    ["list", list],
  ]);
  const result = await executable.run(columns, { seed: 0n, parameters: new Map(), ...(signal && { signal }) });
  return {
    ids: grouped(result.columns.get("candidate_ids")!).map(list => list.map(Number)),
    leftOut: Object.fromEntries([...result.leftOut].map(([id, reasons]) => [id, Object.fromEntries(reasons)])),
    counters: executable.counters.find(({ stage }) => stage === "merged")!.parts,
    source: grouped(result.columnOf("merged", "source") ?? result.columns.get("candidate_ids")!),
    independent: executable.rowsAreIndependent,
  };
}

const fails = (code: "UNAVAILABLE" | "NOT_FOUND", text: string) => () => {
  throw new RuntimeFault(code, text);
};
/** Ends when the source is left out. */
const hangs =
  (ended: string[] = [], name = "") =>
  (_: unknown, { signal }: RunContext) =>
    new Promise<void>((_, reject) => {
      signal?.addEventListener("abort", () => {
        ended.push(name);
        reject(new RuntimeFault("CANCELLED", "cancelled"));
      });
    });
const all = [{ name: "near" }, { name: "bought", within: 60_000 }, { name: "popular", within: 15 }];
const three = [finds("near"), finds("bought"), finds("popular")];

describe("mergeCandidates with `within`", () => {
  test("leaves out one that fails, and one that is late and cancelled", async () => {
    const ended: string[] = [];
    const behaviour = { bought: fails("UNAVAILABLE", "gone"), popular: hangs(ended, "popular") };
    const found = await ask(planOf([...three, merges(all, PORTS)]), behaviour);
    expect(found).toMatchObject({
      ids: [[10, 7]],
      leftOut: {
        merged: { source2: "step `bought` (explode): gone", source3: "not done within 15 ms" },
      },
      source: [[1, 1]],
    });
    expect(found.counters!.map(({ leftOut }) => leftOut)).toEqual([0, 1, 1]);
    expect(ended).toEqual(["popular"]);
  });
  test("a time that ends leaves out neither a source that is done nor one that failed before", async () => {
    const timed = [{ name: "near" }, { name: "bought", within: 5 }, { name: "popular", within: 15 }];
    const plan = planOf([...three, merges(timed, PORTS)]);
    // The first source needs longer than the times of the others.
    const behaviour = (bought: Behaviour[string]): Behaviour => {
      const later = Promise.withResolvers<void>();
      const popular: Behaviour[string] = (users, context) => {
        context.signal!.addEventListener("abort", () => later.resolve());
        return hangs()(users, context);
      };
      return { near: () => later.promise, bought, popular };
    };
    const late = "not done within 15 ms";
    const done = await ask(
      plan,
      behaviour(() => {}),
    );
    expect(done).toMatchObject({ ids: [[10, 20, 7]], leftOut: { merged: { source3: late } } });
    expect(done.counters!.map(({ leftOut }) => leftOut)).toEqual([0, 0, 1]);
    const failed = await ask(plan, behaviour(fails("UNAVAILABLE", "gone")));
    expect(failed.leftOut).toEqual({ merged: { source2: "step `bought` (explode): gone", source3: late } });
    expect(failed.counters!.map(({ leftOut }) => leftOut)).toEqual([0, 1, 1]);
  });
  test("a user's own fault leaves the source out for that user alone", async () => {
    const bought = (users: readonly number[]): void => {
      if (users.includes(3)) throw new RuntimeFault("NOT_FOUND", "no user 3");
    };
    const found = await ask(planOf([...three, merges(all, PORTS)]), { bought }, [1, 3, 2]);
    expect(found.ids).toEqual([
      [10, 20, 30, 7],
      [10, 30, 7],
      [10, 20, 30, 7],
    ]);
    expect(found.leftOut).toEqual({
      merged: { source2: "row 1 of the request, run alone: step `bought` (explode): no user 3" },
    });
  });
});
