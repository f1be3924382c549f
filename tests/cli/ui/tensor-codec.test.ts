// Tensors of the page's form: text → elements → the bytes of KServe's binary data, and back, for every datatype.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decode, encode } from "#cli/ui/page/tensor-codec.js";
import { type Element, parseTensor, sampleText } from "#cli/ui/page/tensor-text.js";
import { fromBfloats, fromHalves, toBfloats, toHalves } from "#triton-protos/float16.js";

const tensor = (datatype: string, shape: readonly number[]) => ({ name: "x", datatype, shape });
const all = (datatype: string, bytes: Uint8Array): Element[] => {
  const { length, at } = decode(datatype, bytes);
  return Array.from({ length }, (_, i) => at(i));
};
const DATATYPES = [8, 16, 32, 64].flatMap(bits => [`INT${bits}`, `UINT${bits}`]);

test.each([...DATATYPES, "FP16", "BF16", "FP32", "FP64", "BOOL", "BYTES"])(
  "%s: what the form prefills is encoded, of the model's own shape",
  datatype => {
    for (const shape of [[-1], [-1, 1], [2, 3], [-1, -1, 4], [3, 224, 224], []]) {
      const { shape: found, values } = parseTensor(sampleText(tensor(datatype, shape)), tensor(datatype, shape));
      expect(found).toEqual(shape.map(size => Math.max(1, size)));
      expect(values).toHaveLength(found.reduce((product, size) => product * size, 1));
      expect(all(datatype, encode(datatype, values))).toEqual(values);
    }
  },
);

test("integers of every width: the ends fit, one beyond them is refused, wide ones are exact", () => {
  for (const datatype of DATATYPES) {
    const bits = BigInt(datatype.replace(/\D/g, ""));
    const [least, most] = datatype.startsWith("U")
      ? [0n, 2n ** bits - 1n]
      : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
    const { values } = parseTensor(`[${least}, ${most}]`, tensor(datatype, [-1]));
    expect(all(datatype, encode(datatype, values)).map(String)).toEqual([String(least), String(most)]);
    for (const beyond of [least - 1n, most + 1n]) {
      const { values } = parseTensor(`[${beyond}]`, tensor(datatype, [-1]));
      expect(() => encode(datatype, values)).toThrow(`is not a value of ${datatype}`);
    }
    for (const value of [1.5, Number.NaN, "a", "", true, null])
      expect(() => encode(datatype, [value])).toThrow(`is not a value of ${datatype}`);
  }
});

test("halves and bfloats are rounded as the product's own are, which NumPy's and PyTorch's answers check", () => {
  const numbers = fc.array(fc.oneof(fc.double(), fc.float(), fc.double({ min: -70_000, max: 70_000 })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(numbers, values => {
      const singles = Float32Array.from(values);
      const floats = [...singles];
      expect(all("FP16", encode("FP16", floats))).toEqual([...fromHalves(toHalves(singles))]);
      expect(all("BF16", encode("BF16", floats))).toEqual([...fromBfloats(toBfloats(singles))]);
    }),
  );
});

test("cut or hostile bytes of texts are read to their end and no further", () => {
  expect(all("BYTES", Uint8Array.of(1, 0, 0, 0, 97, 255, 255, 255, 255, 98))).toEqual(["a", "b"]);
  expect(all("BYTES", Uint8Array.of(1, 0))).toEqual([]);
  expect(() => decode("FP8", new Uint8Array(1))).toThrow("this page has no form for FP8");
});
