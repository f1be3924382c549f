// Each row's columns of the branch that it takes, against lists: scalars, lists and candidates, and branches that no row takes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { takeSides } from "#operators/shared/kernel/take-sides.js";
import { type Column, rootRows } from "#runtime/base/columns/table.js";
import { candidates, grouped, scalars } from "../../../tests/operators/step.js";

const item = fc.option(fc.integer({ min: -9, max: 9 }), { freq: 5 });
const items = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 3 });
const given = fc
  .record({ rows: fc.integer({ min: 1, max: 6 }), branches: fc.integer({ min: 1, max: 3 }) })
  .chain(({ rows, branches }) => {
    const all = <T>(of: fc.Arbitrary<T>, count: number) => fc.array(of, { minLength: count, maxLength: count });
    return fc.record({
      rows: fc.constant(rows),
      taken: all(fc.nat({ max: branches - 1 }), rows),
      numbers: all(all(item, rows), branches),
      ragged: all(all(items, rows), branches),
      // Branches that no row takes are not run.
      isLeftOut: fc.boolean(),
    });
  });
const runs = (taken: readonly number[], isLeftOut: boolean, branch: number): boolean =>
  !isLeftOut || taken.includes(branch);

test("candidates of the rows: each row has as many as its branch has", () => {
  fc.assert(
    fc.property(given, ({ rows, taken, ragged, isLeftOut }) => {
      const parent = rootRows(rows);
      const branches = ragged.map((own, branch): readonly Column[] => {
        if (!runs(taken, isLeftOut, branch)) return [];
        const ids = candidates("int64", own, parent);
        return [
          ids,
          scalars(
            "float32",
            own.flat().map(id => id / 2),
            ids.rows,
          ),
        ];
      });
      const [ids, scores] = takeSides(branches, taken, parent, true);
      expect(grouped(ids!)).toEqual(taken.map((branch, row) => ragged[branch]![row]!.map(BigInt)));
      expect(grouped(scores!)).toEqual(taken.map((branch, row) => ragged[branch]![row]!.map(id => id / 2)));
      // Both are of the same rows, which are those of no branch.
      expect(ids!.rows).toBe(scores!.rows);
      expect(branches.flat().some(column => column.rows === ids!.rows)).toBe(false);
      expect(ids!.rows.parent).toBe(parent);
    }),
    { numRuns: 200 },
  );
});
