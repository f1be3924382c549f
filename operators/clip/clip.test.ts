import fc from "fast-check";
import { expect, test } from "vitest";
import type { OpParamsInput } from "#contract/op-params.js";
import type { DType } from "#triton-protos/datatype.js";
import { testAsNvtabular } from "../../tests/operators/as-nvtabular.js";
import { column, type Item, plain, run, scalars } from "../../tests/operators/step.js";

async function clipped(params: OpParamsInput["clip"], dtype: DType, items: readonly Item[]): Promise<unknown[]> {
  const init = { params, inputs: { input: ["x"] }, outputs: [column("x", dtype)] };
  const [made] = await run("clip", init, { input: [scalars(dtype, items)] });
  expect(made!.dtype).toBe(dtype);
  return plain(made!).map(value => (Number.isNaN(value) ? null : value));
}

testAsNvtabular("clip");

test.each(["int8", "uint16", "int32", "uint32", "int64", "uint64"] as const)(
  "%s: any bounds, nulls stay",
  async dtype => {
    const bits = BigInt(dtype.replace(/\D/g, ""));
    const [least, most] = dtype.startsWith("u")
      ? [0n, 2n ** bits - 1n]
      : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
    const value = fc.oneof(
      fc.bigInt({ min: least, max: most }),
      fc.constantFrom(least, most, least + 1n, most - 1n, most / 2n, 2n ** 32n, 2n ** 31n).filter(n => n <= most),
    );
    const bound = fc.oneof(
      fc.double({ noNaN: true, min: -300, max: 300 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      value.map(Number),
      fc.constantFrom(2 ** 31, 2 ** 32, -(2 ** 31), 2 ** 53),
    );
    const within = (n: bigint): bigint => (n < least ? least : n > most ? most : n);
    const whole = (x: number, round: (x: number) => number) => within(BigInt(round(x)));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(value, { freq: 4 }), { minLength: 1, maxLength: 8 }),
        fc.option(bound, { nil: undefined }),
        fc.option(bound, { nil: undefined }),
        async (items, min, max) => {
          const expected = items.map(item => {
            if (item === null) return null;
            const raised = min !== undefined && item < whole(min, Math.ceil) ? whole(min, Math.ceil) : item;
            const lowered = max !== undefined && raised > whole(max, Math.floor) ? whole(max, Math.floor) : raised;
            return bits === 64n ? lowered : Number(lowered);
          });
          const given = bits === 64n ? items : items.map(item => (item === null ? null : Number(item)));
          const params = { ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
          expect(await clipped(params, dtype, given)).toEqual(expected);
        },
      ),
    );
  },
);
