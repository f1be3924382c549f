import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rootRows } from "#runtime/base/columns/table.js";
import type { DType } from "#triton-protos/datatype.js";
import {
  candidates,
  column,
  context,
  grouped,
  type Item,
  lists,
  prepare,
  run,
  scalars,
  vectors,
} from "../../tests/operators/step.js";

const step = {
  params: {},
  inputs: { input: ["candidate_ids"], filterOut: ["seen"] },
  outputs: [column("filtered_ids", "int64", { rows: "s1" })],
} as const;

const filter = async (dtype: DType, items: Item[][], seen: Item[][]) => {
  const rows = rootRows(items.length);
  const [left] = await run("filterCandidates", step, {
    input: [candidates(dtype, items, rows)],
    filterOut: [lists(dtype, seen, rows)],
  });
  return grouped(left!);
};

describe("filterCandidates", () => {
  test("integers of different widths are compared by value; a text is no integer", async () => {
    const rows = rootRows(1);
    const mixed = async (dtype: DType, list: DType, items: Item[], seen: Item[]) =>
      run("filterCandidates", step, {
        input: [candidates(dtype, [items], rows)],
        filterOut: [lists(list, [seen], rows)],
      }).then(([left]) => grouped(left!));
    expect(await mixed("int32", "int64", [5, -1, 7], [-1n, 2n ** 32n + 5n])).toEqual([[5, 7]]);
    expect(await mixed("int64", "int32", [5n, -1n, 2n ** 32n + 7n], [-1, 7])).toEqual([[5n, 2n ** 32n + 7n]]);
    expect(await mixed("uint32", "int8", [4294967295, 3], [-1, 3])).toEqual([[4294967295]]);
    await expect(mixed("int64", "string", [5n], ["5"])).rejects.toThrow(
      "column `seen` holds string and `candidate_ids` int64, which are not comparable.",
    );
    await expect(mixed("int64", "uint64", [5n], [5n])).rejects.toThrow("which are not comparable");
  });
  test("a scalar and a fixed-length list, a null in it, no users", async () => {
    const rows = rootRows(2);
    const input = [
      candidates(
        "int64",
        [
          [1, 2],
          [1, 2],
        ],
        rows,
      ),
    ];
    expect(
      grouped((await run("filterCandidates", step, { input, filterOut: [scalars("int64", [2, null], rows)] }))[0]!),
    ).toEqual([[1n], [1n, 2n]]);
    expect(
      grouped(
        (
          await run("filterCandidates", step, {
            input,
            filterOut: [
              vectors(
                "int64",
                [
                  [2, 9],
                  [1, 1],
                ],
                2,
                rows,
              ),
            ],
          })
        )[0]!,
      ),
    ).toEqual([[1n], [2n]]);
    expect(await filter("int64", [], [])).toEqual([]);
  });
  test("the meaning, for any lists", async () => {
    const id = fc.bigInt({ min: -5n, max: 5n }).map(n => n * 2n ** 31n);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(id), fc.array(id, { maxLength: 40, size: "max" })), { maxLength: 5 }),
        async users => {
          const expected = users.map(([items, seen]) => items.filter(item => !seen.includes(item)));
          expect(
            await filter(
              "int64",
              users.map(u => u[0]),
              users.map(u => u[1]),
            ),
          ).toEqual(expected);
        },
      ),
    );
  });
  test("faults name the columns", async () => {
    const kernel = await prepare("filterCandidates", step);
    const rows = rootRows(1);
    const input = [candidates("int64", [[1]], rows)];
    const faulty = (filterOut: Parameters<typeof kernel.run>[0]) => () => kernel.run(filterOut, context());
    expect(faulty({ input: [scalars("int64", [1])], filterOut: [lists("int64", [[1]])] })).toThrow(
      "column `candidate_ids` holds no candidates: its rows belong to no user.",
    );
    expect(faulty({ input, filterOut: [lists("int64", [[1], []])] })).toThrow(
      "column `seen` has 2 rows, and `candidate_ids` was made for 1.",
    );
    expect(faulty({ input, filterOut: [lists("string", [["1"]], rows)] })).toThrow(
      "column `seen` holds string and `candidate_ids` int64",
    );
  });
});
