import fc from "fast-check";
import { expect, test } from "vitest";
import { column, grouped, lists, run, scalars, vectors } from "../../tests/operators/step.js";

const step = (params: object, ports: readonly string[] = []) => ({
  params,
  inputs: { input: ["items"], ...Object.fromEntries(ports.map(port => [port, [port]])) },
  outputs: [column("candidate_ids", "int64", { rows: "s1" })] as const,
});

test("the latest first, each once, nulls left out", async () => {
  const items = lists("int64", [[1, 2, null, 1, 3], [], [7, 7]]);
  const validity = Uint8Array.of(1, 1, 0, 1, 1, 1, 1);
  const input = { input: [{ ...items, validity }] };
  expect(grouped((await run("recent", step({}), input))[0]!)).toEqual([[3n, 1n, 2n], [], [7n]]);
  expect(grouped((await run("recent", step({ count: 2 }), input))[0]!)).toEqual([[3n, 1n], [], [7n]]);
  expect(grouped((await run("recent", step({}), { input: [vectors("int64", [[1, 2]], 2)] }))[0]!)).toEqual([[2n, 1n]]);
});
test("by time, within seconds of now", async () => {
  const inputs = {
    input: [
      lists("int64", [
        [1, 2, 3],
        [4, 5],
      ]),
    ],
    times: [
      lists("float64", [
        [30, 10, 30],
        [Number.NaN, 5],
      ]),
    ],
  };
  expect(grouped((await run("recent", step({}, ["times"]), inputs))[0]!)).toEqual([[3n, 1n, 2n], [5n]]);
  const now = [scalars("int64", [35, 100])];
  expect(grouped((await run("recent", step({ within: 5 }, ["times", "now"]), { ...inputs, now }))[0]!)).toEqual([
    [3n, 1n],
    [],
  ]);
  const nobody = [scalars("int64", [null, 6])];
  expect(grouped((await run("recent", step({ within: 5 }, ["times", "now"]), { ...inputs, now: nobody }))[0]!)).toEqual(
    [[], [5n]],
  );
});
test("times of another length are an error that names the row", async () => {
  const inputs = { input: [lists("int64", [[1], [2, 3]])], times: [lists("int64", [[1], [2]])] };
  await expect(run("recent", step({}, ["times"]), inputs)).rejects.toThrow(
    "row 1: column `times` has 1 values and `items` 2",
  );
});
test("users together and one by one", async () => {
  const event = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 4 }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(event, { maxLength: 7 }), { minLength: 1, maxLength: 4 }), async users => {
      const ask = async (some: typeof users) => {
        const of = (place: 0 | 1) => [
          lists(
            "int64",
            some.map(events => events.map(one => one[place])),
          ),
        ];
        return grouped((await run("recent", step({ count: 3 }, ["times"]), { input: of(0), times: of(1) }))[0]!);
      };
      const together = await ask(users);
      for (const [i, own] of users.entries()) {
        expect(await ask([own])).toEqual([together[i]]);
        const newest = own
          .map(([id, time], place) => ({ id, time, place }))
          .sort((a, b) => b.time - a.time || b.place - a.place);
        expect(together[i]).toEqual([...new Set(newest.map(({ id }) => BigInt(id)))].slice(0, 3));
      }
    }),
    { numRuns: 60 },
  );
});
