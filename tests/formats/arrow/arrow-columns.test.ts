// Arrow files of one batch and of several, as apache-arrow writes them.
import { Bool, Float64, Int32, Int64, Table, tableFromArrays, tableToIPC, Utf8, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readArrowColumns } from "#formats/arrow/arrow-columns.js";
import { rootRows } from "#runtime/base/columns/table.js";
import { plain } from "../../operators/step.js";

const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { freq: 4 });
const row = fc.record({
  i: maybe(fc.integer()),
  n: maybe(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  d: maybe(fc.double({ noNaN: true })),
  b: maybe(fc.boolean()),
  s: maybe(fc.string({ unit: fc.constantFrom("a", "b", "ü", "\0"), maxLength: 4 })),
});
const TYPES = { i: new Int32(), n: new Int64(), d: new Float64(), b: new Bool(), s: new Utf8() };
const NAMES = Object.keys(TYPES) as (keyof typeof TYPES)[];

test("each column has its values and nulls, whatever the batches", () => {
  // More than eight rows of a batch, so that bits are in several bytes.
  const batches = fc.array(fc.array(row, { minLength: 1, maxLength: 20, size: "max" }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(batches, all => {
      const tables = all.map(rows =>
        tableFromArrays(
          Object.fromEntries(
            NAMES.map(name => [name, vectorFromArray(rows.map(of => of[name]) as never[], TYPES[name] as never)]),
          ) as never,
        ),
      );
      const schema = tables[0]!.schema;
      const bytes = tableToIPC(new Table(schema, ...tables.flatMap(table => table.batches)) as never, "file");
      const columns = readArrowColumns(bytes);
      const rows = all.flat();
      for (const name of NAMES) {
        const expected = rows.map(of => (name === "b" && of.b !== null ? Number(of.b) : of[name]));
        expect([name, plain({ ...columns[name]!, rows: rootRows(rows.length) })]).toEqual([name, expected]);
        expect(columns[name]!.validity !== undefined).toBe(expected.includes(null));
      }
    }),
    { numRuns: 200 },
  );
});
