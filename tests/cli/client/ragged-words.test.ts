// The input and output of `merlon client infer` for Merlon's own models: ragged columns under one name, and the stories of candidates.
import { expect, test } from "vitest";
import type { ModelMetadata } from "#runtime/client/index.js";
import { withPairs } from "../../../cli/client/pairs.js";
import { template } from "../../../cli/client/template.js";

const inputs = [
  { name: "ids__values", datatype: "INT64", shape: [-1n] },
  { name: "ids__offsets", datatype: "INT32", shape: [-1n] },
  { name: "age", datatype: "INT32", shape: [-1n] },
] as unknown as ModelMetadata["inputs"];
const plain = (given: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(withPairs(given, inputs)).map(([name, value]) => {
      const { raw, datatype } = value as { raw?: Uint8Array; datatype?: string };
      if (!raw) return [name, value];
      const own = raw.slice().buffer;
      return [name, datatype === "INT32" ? [...new Int32Array(own)] : [...new BigInt64Array(own)]];
    }),
  );

test("lists under a column's own name become its pair; a single list is one row", () => {
  expect(plain({ ids: [[1, 2], [], [3]], age: [7, 8, 9] })).toEqual({
    ids__values: [1n, 2n, 3n],
    ids__offsets: [0, 2, 2, 3],
    age: [7, 8, 9],
  });
  expect(plain({ ids: [4, 5] })).toEqual({ ids__values: [4n, 5n], ids__offsets: [0, 2] });
  expect(plain({ ids: [] })).toEqual({ ids__values: [], ids__offsets: [0] });
  expect(plain({ ids__values: [1], other: [[1]] })).toEqual({ ids__values: [1], other: [[1]] });
  expect(template({ inputs } as ModelMetadata)).toEqual({ ids: [[0]], age: [0] });
});
