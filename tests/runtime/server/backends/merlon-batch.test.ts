/** Requests that the dynamic batcher puts together: one run of the plan, and for each what it gets alone. */
import { rmSync } from "node:fs";
import fc from "fast-check";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import type { Plan } from "#contract/plan.js";
import { Cancellable } from "#runtime/base/cancellation.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import { rowsAreIndependent } from "#runtime/engine/schedule/row-independence.js";
import type { BackendRequest, BackendResponse } from "#runtime/server/contract.js";
import {
  recommendConfig as config,
  load,
  makeRequest,
  rankModel,
  read,
  recommend,
  tensor,
  versionFolder,
} from "../served-plan.js";

const folder = versionFolder(recommend("sample"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

const OUTPUTS = ["ordered_ids", "ordered_scores", "age"];
type User = readonly [id: bigint, query: readonly number[]];

const tensors = (users: readonly User[]) => [
  tensor(
    "user_id",
    "int64",
    [users.length, 1],
    users.map(([id]) => id),
  ),
  tensor(
    "query",
    "float32",
    [users.length, 4],
    users.flatMap(([, query]) => query),
  ),
];
const request = (users: readonly User[], more: Partial<BackendRequest> = {}): BackendRequest => ({
  ...makeRequest(tensors(users), new Map(), OUTPUTS),
  ...more,
});
const good = (answer: BackendResponse | RuntimeFault) => {
  if (answer instanceof RuntimeFault) throw answer;
  return read(answer);
};
const ONE: User = [1n, [1, 0.5, 0, 0]];
const BAD: User = [1n, [1, Number.NaN, 0, 0]];

describe("requests of one batch", () => {
  test("get what each gets alone with the seed that was drawn for it, from one search and one call of the model", async () => {
    const seeds = Array.from({ length: 997 }, (_, i) => BigInt(i * 7919));
    const model = await load(folder, config, seeds);
    let drawn = 0;
    const user = fc.tuple(
      fc.constantFrom(1n, -2n, 9007199254740993n, 99n),
      fc.array(fc.float({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }),
    );
    const batch = fc.array(fc.array(user, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(batch, async requests => {
        const asked = vi.spyOn(rankModel, "infer");
        const together = (await model.execute(requests.map(users => request(users)))).map(good);
        expect(asked.mock.calls.length).toBeLessThanOrEqual(1);
        asked.mockRestore();
        for (const [i, users] of requests.entries()) {
          const parameters = new Map([["seed", seeds[drawn++ % seeds.length]!]]);
          expect(together[i]).toEqual(read(await model.infer(tensors(users), parameters)));
        }
      }),
      { numRuns: 40 },
    );
    await model.close();
  });

  test("a fault is the request's whose rows have it, with the row it has there", async () => {
    const model = await load(folder, config, [5n]);
    const answers = await model.execute([request([ONE]), request([ONE, BAD]), request([ONE])]);
    expect(answers[1]).toMatchObject({
      message: expect.stringContaining("column `query` holds NaN at row 1, place 1"),
    });
    const alone = read(await model.infer(tensors([ONE]), new Map([["seed", 5n]])));
    expect([good(answers[0]!), good(answers[2]!)]).toEqual([alone, alone]);
    await model.close();
  });

  test("a request for more than its outputs runs alone", async () => {
    const model = await load(folder, config, [5n]);
    const asked = vi.spyOn(rankModel, "infer");
    const timed = request([ONE], { parameters: new Map([["timings", true]]) });
    const answers = await model.execute([request([ONE]), timed, request([ONE])]);
    expect(asked).toHaveBeenCalledTimes(2);
    expect([...(answers[1] as BackendResponse).parameters!].length).toBe(6);
    expect(good(answers[0]!)).toEqual(good(answers[1]!));
    await model.close();
  });

  test("a disconnected client gets a cancellation, and the others are answered; no run ends early", async () => {
    const model = await load(folder, config, [5n]);
    const leaving = [new Cancellable(), new Cancellable()];
    const answer = rankModel.infer;
    vi.spyOn(rankModel, "infer").mockImplementation(async (name, inputs, outputs, signal) => {
      leaving[0]!.abort();
      expect(signal?.aborted).toBe(false);
      return answer(name, inputs, outputs, signal);
    });
    const answers = await model.execute(leaving.map(signal => request([ONE], { signal })));
    expect(answers[0]).toMatchObject({ code: "CANCELLED" });
    expect(good(answers[1]!).age).toEqual([[1, 1], [31]]);
    vi.spyOn(rankModel, "infer").mockImplementation(async (_, __, ___, signal) => {
      for (const one of both) one.abort();
      expect(signal?.aborted).toBe(true);
      throw new RuntimeFault("CANCELLED", "the request was cancelled");
    });
    const both = [new Cancellable(), new Cancellable()];
    const gone = await model.execute(both.map(signal => request([ONE], { signal })));
    expect(gone).toMatchObject([{ code: "CANCELLED" }, { code: "CANCELLED" }]);
    await model.close();
  });

  test("a store that is down is called once, not once more for each", async () => {
    const model = await load(folder, config, [5n]);
    const asked = vi.spyOn(rankModel, "infer").mockRejectedValue(new RuntimeFault("UNAVAILABLE", "not now"));
    const answers = await model.execute([request([ONE]), request([ONE])]);
    expect(answers).toMatchObject([{ code: "UNAVAILABLE" }, { code: "UNAVAILABLE" }]);
    expect(asked).toHaveBeenCalledTimes(1);
    await model.close();
  });
});

describe("plans whose rows look at each other", () => {
  const plan = recommend("sample");
  const withStep = (op: string, params: object, input: Plan["steps"][number]["inputs"]): Plan =>
    ({
      ...plan,
      steps: [...plan.steps, { id: "more", op, label: "more", params, inputs: input, outputs: [] }],
    }) as Plan;
  const ofRequest = { input: [{ name: "age", step: "user", column: "age" }] };
  const ofCandidates = { input: [{ name: "score", step: "ranking", column: "score" }] };
  test.each([
    ["groupby", {}, ofRequest, false],
    ["groupby", {}, ofCandidates, true],
    ["dropna", {}, ofRequest, false],
    ["differenceLag", {}, ofRequest, false],
    ["fallback", {}, ofCandidates, false],
    ["hashBucket", { nvtabularHash: true }, ofCandidates, false],
    ["hashBucket", {}, ofRequest, true],
  ])("%s %o of %o: %s", (op, params, input, apart) => {
    expect(rowsAreIndependent(plan)).toBe(true);
    expect(rowsAreIndependent(withStep(op, params, input))).toBe(apart);
  });
});
