/** Requests of many users with many candidates: counted before they run, in turns with others, and answered the same. */
import { rmSync } from "node:fs";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Parameter } from "#runtime/base/tensor.js";
import { candidatesOf } from "#runtime/engine/schedule/candidate-count.js";
import type { BackendRequest } from "#runtime/server/contract.js";
import { DEFAULT_PLAN_ROWS, PlanRows, planRows } from "#runtime/server/scheduling/plan-rows.js";
import {
  recommendConfig as config,
  load,
  makeRequest,
  read,
  recommend,
  tensor,
  versionFolder,
} from "../served-plan.js";

const plan = recommend("sample");
const folder = versionFolder(plan);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  planRows.limit = DEFAULT_PLAN_ROWS;
  vi.restoreAllMocks();
});

const OUTPUTS = ["ordered_ids", "ordered_scores", "age"];
/** A request of the smallest number of users with more than 2,048 candidates. */
function wide(more: Partial<BackendRequest> = {}): BackendRequest {
  const users = Math.ceil(2049 / candidatesOf(plan));
  const ids = Array.from({ length: users }, (_, i) => BigInt(i % 3));
  const queries = ids.flatMap((_, i) => [Math.cos(i), 0.5, 0, Math.sin(i)]);
  const tensors = [tensor("user_id", "int64", [users, 1], ids), tensor("query", "float32", [users, 4], queries)];
  return { ...makeRequest(tensors, new Map([["seed", 7n]]), OUTPUTS), batch: users, ...more };
}

async function answered(request: BackendRequest) {
  const model = await load(folder, config);
  const [answer] = await model.execute([request]);
  if (!answer || answer instanceof RuntimeFault) throw answer;
  return { outputs: read(answer), parameters: new Map(answer.parameters) };
}

test("candidates of a plan are counted from its sources", () => {
  const topk = plan.steps.flatMap(({ op, params }) => (op === "queryFaiss" ? (params as { topk: number }).topk : []));
  expect(candidatesOf(plan)).toBe(topk.reduce((sum, k) => sum + k, 0));
  expect(candidatesOf({ ...plan, steps: plan.steps.filter(({ op }) => op !== "queryFaiss") })).toBe(1);
});

test.each([false, true])("a wide run answers as one that is not counted does, explained: %s", async explain => {
  const request = wide({
    parameters: new Map<string, Parameter>([
      ["seed", 7n],
      ["explain", explain],
    ]),
  });
  planRows.limit = Number.POSITIVE_INFINITY;
  const before = await answered(request);
  planRows.limit = DEFAULT_PLAN_ROWS;
  const counted = vi.spyOn(planRows, "run");
  const after = await answered(request);
  expect(counted).toHaveBeenCalledTimes(1);
  expect(after).toEqual(before);
  expect(after.parameters.has("explain")).toBe(explain);
});

test("a part of a run does not wait for the rows of the whole", async () => {
  const counted = vi.spyOn(planRows, "run");
  const lease = {} as NonNullable<BackendRequest["lease"]>;
  await answered(wide({ lease }));
  expect(counted).not.toHaveBeenCalled();
});

/** Work that the test ends. */
function controlled(rows: PlanRows) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (name: string, count: number, signal?: Cancellable): Promise<void> =>
    rows.run(
      count,
      () => {
        running.push(name);
        return new Promise<void>(resolve => ends.set(name, resolve));
      },
      signal,
    );
  const end = async (name: string): Promise<readonly string[]> => {
    running.splice(running.indexOf(name), 1);
    ends.get(name)!();
    await new Promise(resolve => setImmediate(resolve));
    return running;
  };
  return { running, begin, end };
}

test("runs begin in order while their rows fit, a larger one alone", async () => {
  const rows = new PlanRows();
  rows.limit = 10;
  const { running, begin, end } = controlled(rows);
  const all = [begin("a", 6), begin("b", 4), begin("large", 50), begin("c", 5), begin("d", 5), begin("e", 1)];
  expect(running).toEqual(["a", "b"]);
  expect(await end("a")).toEqual(["b"]);
  expect(await end("b")).toEqual(["large"]);
  expect(await end("large")).toEqual(["c", "d"]);
  expect(await end("d")).toEqual(["c", "e"]);
  await end("c");
  await end("e");
  await Promise.all(all);
});

test("a client that leaves gives up its place, and those behind it move up", async () => {
  const rows = new PlanRows();
  rows.limit = 10;
  const { running, begin, end } = controlled(rows);
  const leaves = new Cancellable();
  const all = [begin("a", 6), begin("b", 3)];
  const left = begin("large", 9, leaves);
  all.push(begin("c", 1));
  expect(running).toEqual(["a", "b"]);
  leaves.abort();
  await expect(left).rejects.toMatchObject({ code: "CANCELLED" });
  expect(running).toEqual(["a", "b", "c"]);
  for (const name of ["a", "b", "c"]) await end(name);
  await Promise.all(all);
});
