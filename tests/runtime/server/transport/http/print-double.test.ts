/**
 * Doubles in JSON: the text parses to the same number, equals Triton's if recorded, and has the digits of a plain implementation of
 * RapidJSON's algorithm.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWriter } from "#runtime/server/transport/http/byte-writer.js";
import { digits, findDigits, lastExponent } from "#runtime/server/transport/http/grisu.js";
import { printDouble, writeDoubles } from "#runtime/server/transport/http/print-double.js";
import { digitsOf } from "./grisu-in-bigint.js";

const RUNS = Number(process.env.PRINT_RUNS ?? 4000);
const finite = { noNaN: true, noDefaultInfinity: true } as const;

test("every finite double reads back as it was", () => {
  const same = (value: number): boolean => Object.is(Number(printDouble(value)), value);
  fc.assert(fc.property(fc.double(finite), same), { numRuns: RUNS });
  fc.assert(fc.property(fc.float(finite), same), { numRuns: RUNS });
});

function expectDigits(value: number): void {
  const count = findDigits(value);
  const found = { digits: digits.subarray(0, count).join(""), exponent: lastExponent() };
  if (JSON.stringify(found) !== JSON.stringify(digitsOf(value))) expect(found, `${value}`).toEqual(digitsOf(value));
}

test("subnormal numbers have the digits of the algorithm too", () => {
  for (let i = 0; i < RUNS / 20; i++) expectDigits(Math.ceil(Math.random() * 2 ** (1 + (i % 52))) * 2 ** -1074);
  for (let power = 0; power < 52; power++) expectDigits(2 ** power * Number.MIN_VALUE);
  // Exactly halfway between two last digits, which a random number almost never is.
  for (const halfway of [17596845854189, 140738368701892, 562950861565194, 2251800673310374])
    expectDigits(halfway * Number.MIN_VALUE);
  // Their last digit depends on one unit of the upper bound, which that of a random number rarely does.
  for (const close of [1299806718164174, 2511471628587197, 3184448915117800, 494829182582789])
    expectDigits(close * Number.MIN_VALUE);
  // Two units of their lower bound decide it.
  for (const close of [2719916898090853, 2778236474229143, 3285771467202273, 3893723824590535])
    expectDigits(close * Number.MIN_VALUE);
  // A shorter text is exactly the lower bound: it counts as a whole number alone, and not with decimals.
  for (const whole of [2251821998482940, 2251850516960431, 2251879035437922]) expectDigits(whole * Number.MIN_VALUE);
  for (const fraction of [2251917927030895, 2251855703518172, 2251805145965324, 2251800852981906])
    expectDigits(fraction * Number.MIN_VALUE);
});

test("the digits are those of the algorithm in whole numbers", () => {
  const positive = { ...finite, min: Number.MIN_VALUE };
  fc.assert(fc.property(fc.double(positive), expectDigits), { numRuns: RUNS });
  const patterns = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < RUNS; i++) {
    // Spread over all exponents, over the usual numbers, and over what FP32 tensors hold.
    patterns.setUint32(0, Math.floor(Math.random() * 0x7ff00000));
    patterns.setUint32(4, Math.floor(Math.random() * 2 ** 32));
    expectDigits(patterns.getFloat64(0) || 1);
    expectDigits(Math.random() * 10 ** Math.floor(Math.random() * 12 - 6));
    expectDigits(Math.fround(Math.random() * 10 ** Math.floor(Math.random() * 12 - 6)));
    expectDigits(Math.ceil(Math.random() * 1e5) / 10 ** Math.ceil(Math.random() * 5));
  }
  for (let power = -1074; power < 1024; power++) {
    const value = 2 ** power;
    for (const near of [value, value * (1 + Number.EPSILON), value * (1 - Number.EPSILON / 2)]) expectDigits(near);
  }
  for (let power = -323; power < 309; power++) expectDigits(Number(`1e${power}`));
});

test.each([
  // Exactly halfway between two last digits, which a random number almost never is.
  ...[1.1809678817773438e-12, 0.00006707792190429687, 10334.598754882812, 23388.736450195312, 1075011720488.2812],
  // One unit less in the last digit is exactly the lower bound.
  ...[8.74444939375e-277, 6.537447673828126e-277, 7.4619155046875e-277],
  // A carry from the middle limb of the product decides on one unit: of the value, of its upper bound, of its lower bound.
  ...[7.159392038439196e-285, 1.0636913943729253e244, 1.0651522504392334e244, 1.7850315168541787e172],
  ...[4.7654752413779384e39, 1.6725142223793928e289, 2.352164596727943e-306, 5.605383010743166e130],
  ...[2.669316494982812e134, 3.309746888811622e71, 5.740254632230929e280, 5.763849890710565e-201],
  // The same of a carry from the lowest limb, which is far rarer.
  ...[1.411074853622509e-278, 1.4112660538682274e-278, 1.4116026733150137e-278],
  ...[1.413959009442518e-278, 3.545980524288194e-220, 2.234871861545648e-103],
])("the digits of %d are those of the algorithm, where the last one is at the edge of a choice", value => {
  expectDigits(value);
});

/** A number's text as RapidJSON lays its digits out. */
function textOf(value: number): string {
  const { digits: found, exponent } = digitsOf(Math.abs(value));
  const sign = value < 0 ? "-" : "";
  const point = found.length + exponent;
  if (exponent >= 0 && point <= 21) return `${sign}${found}${"0".repeat(exponent)}.0`;
  if (point > 0 && point <= 21) return `${sign}${found.slice(0, point)}.${found.slice(point)}`;
  if (point > -6 && point <= 0) return `${sign}0.${"0".repeat(-point)}${found}`;
  return `${sign}${found[0]}${found.length > 1 ? `.${found.slice(1)}` : ""}e${point - 1}`;
}

test("what stands for a short decimal, or almost does, has the text that its digits make", () => {
  for (let i = 0; i < RUNS; i++) {
    const short = Math.floor(Math.random() * 10 ** (1 + (i % 15))) / 10 ** (i % 9);
    for (const value of [
      short,
      -short,
      short * (1 + Number.EPSILON),
      short * (1 - Number.EPSILON / 2),
      Math.fround(short),
    ])
      if (value !== 0 && printDouble(value) !== textOf(value)) expect(printDouble(value)).toBe(textOf(value));
  }
  for (const value of [1e-6, 9.99999e-4, 1e-7, 5e-324, 4.4e-310, 999999999.999999, 1000000000.5, 0.1 + 0.2])
    expect(printDouble(value)).toBe(textOf(value));
});

// Texts of the recordings (`tests/conformance/data/protocol`).
test.each([
  [Math.fround(0.3), "0.30000001192092898"],
  [Math.fround(-0.1), "-0.10000000149011612"],
  [0.1 + 0.2, "0.30000000000000007"],
  [Math.fround(3.4028235e38), "3.4028234663852887e38"],
  [Math.fround(1e21), "1.0000000200408774e21"],
  [2e300, "2e300"],
  [-0, "-0.0"],
  [7, "7.0"],
  [2 ** 53, "9007199254740992.0"],
  [2 ** 31, "2147483648.0"],
  [2 ** 31 - 1, "2147483647.0"],
  [-1234567, "-1234567.0"],
  [Number.NaN, "NaN"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
])("%d prints as %s", (value, text) => {
  expect(printDouble(value)).toBe(text);
});

test("many numbers print as each does alone", () => {
  for (const length of [0, 1, 2, 2048, 2049, 5000]) {
    const values = Float64Array.from({ length }, (_, i) => (i % 3 === 0 ? i : -i / 7) * 10 ** ((i % 40) - 20));
    const to = new ByteWriter();
    writeDoubles(values, 0, values.length, to);
    expect(to.pieces[0]!.toString("latin1")).toBe(Array.from(values, printDouble).join(","));
  }
});

test("room is made for 32 characters of each number and a comma, wherever the part begins", () => {
  const values = new Float64Array(200);
  const room = (from: number, count: number): number => {
    const to = new ByteWriter();
    writeDoubles(values, from, from + count, to);
    return to.bytes.length;
  };
  // A writer begins with 512 bytes, and doubles them.
  expect([room(0, 15), room(180, 15), room(0, 16), room(180, 16)]).toEqual([512, 512, 1024, 1024]);
});
