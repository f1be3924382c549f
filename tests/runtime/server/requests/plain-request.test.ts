// Valid requests pass a shorter check, which must accept the same requests as the long one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { typedTensor } from "../../../../runtime/base/columns/tensor-values.js";
import type { Tensor } from "../../../../runtime/base/tensor.js";
import type { InferRequest, RequestTensor } from "../../../../runtime/server/contract.js";
import { validateRequest, validateSync } from "../../../../runtime/server/requests/validate.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { configOf } from "../scheduling/support.js";

const INPUTS = [
  { name: "a", data_type: "TYPE_FP32", dims: [2] } as const,
  { name: "b", data_type: "TYPE_INT64", dims: [-1] } as const,
  { name: "c", data_type: "TYPE_INT8", dims: [-1, 3], optional: true } as const,
];

/** @param closer a reshape to the same shape makes every input one that is looked at closer */
const modelOf = (max: number, closer: boolean): ModelConfig =>
  configOf({
    name: "m",
    max_batch_size: max,
    input: INPUTS.map(one => (closer ? { ...one, reshape: { shape: one.dims } } : one)),
    output: [{ name: "y", data_type: "TYPE_FP32", dims: [1] }],
  });

const outcome = (config: ModelConfig, request: InferRequest): unknown => {
  try {
    const { batch, inputs, outputs } = validateRequest(config, request);
    return { batch, inputs: [...inputs], outputs: [...outputs] };
  } catch (error) {
    return (error as Error).message;
  }
};

const WIRES = { FP32: 4, INT64: 8, INT8: 1 } as const;
type Wire = keyof typeof WIRES;
type Spoil = (tensors: RequestTensor[], at: number) => void;

const tensor = (name: string, wire: Wire, shape: readonly number[]): RequestTensor => {
  const size = shape.reduce((product, one) => product * one, WIRES[wire]);
  return { name, datatype: wire, shape, data: new Uint8Array(Math.max(0, Math.floor(size))) };
};

/** Faults of one of the tensors; some apply to some of the inputs only. */
const SPOILS: readonly Spoil[] = [
  (all, at) => void all.splice(at, 1),
  (all, at) => void all.push(all[at]!),
  (all, at) => void all.splice(at, 1, { ...all[at]!, name: "d" }),
  (all, at) => void all.splice(at, 1, { ...all[at]!, datatype: "nonsense" }),
  (all, at) => void all.splice(at, 1, tensor(all[at]!.name, "INT8", all[at]!.shape)),
  (all, at) => void all.splice(at, 1, { ...all[at]!, data: new Uint8Array(all[at]!.data.length + 1) }),
  ...[-1, 0, 1, 5, 1.5].flatMap(dim =>
    [0, -1].map(
      (place): Spoil =>
        (all, at) => {
          const { name, datatype, shape } = all[at]!;
          all.splice(at, 1, tensor(name, datatype as Wire, shape.with(place, dim)));
        },
    ),
  ),
  (all, at) => void all.splice(at, 1, tensor(all[at]!.name, all[at]!.datatype as Wire, [...all[at]!.shape, 1])),
  (all, at) => void all.splice(at, 1, tensor(all[at]!.name, all[at]!.datatype as Wire, [])),
];

const requests = (max: number) =>
  fc
    .record({
      rows: fc.constantFrom(2, 1, 4, 0, 5, -1, 1.5),
      optional: fc.boolean(),
      turned: fc.boolean(),
      spoil: fc.option(fc.constantFrom(...SPOILS), { nil: undefined, freq: 3 }),
      at: fc.nat(1),
    })
    .map(({ rows, optional, turned, spoil, at }) => {
      const batch = max > 0 ? [rows] : [];
      const all = [
        tensor("a", "FP32", [...batch, 2]),
        tensor("b", "INT64", [...batch, 3]),
        ...(optional ? [tensor("c", "INT8", [...batch, 1, 3])] : []),
      ];
      if (turned) all.reverse();
      spoil?.(all, at);
      return all;
    });

test.each([0, 4])("max_batch_size %i: the short check agrees with the long one", max => {
  const [plain, closer] = [modelOf(max, false), modelOf(max, true)];
  let passed = 0;
  fc.assert(
    fc.property(requests(max), inputs => {
      const request = { id: "", parameters: new Map(), inputs, outputs: [] };
      const found = outcome(plain, request);
      if (typeof found !== "string") passed++;
      expect(found).toEqual(outcome(closer, request));
    }),
    { numRuns: 2000 },
  );
  expect(passed).toBeGreaterThan(50);
});

test.each([0, 4])("max_batch_size %i: so does the check of values that were not sent", max => {
  const [plain, closer] = [modelOf(max, false), modelOf(max, true)];
  let passed = 0;
  fc.assert(
    fc.property(requests(max), fc.constantFrom(["y"], ["y", "y"], ["z"]), (inputs, outputs) => {
      // Bytes that are not a whole number of elements, and unknown dtypes, are not available as values.
      fc.pre(inputs.every(({ datatype, data }) => datatype in WIRES && data.length % WIRES[datatype as Wire] === 0));
      const found = outcome(closer, { id: "", parameters: new Map(), inputs, outputs }) as { batch: number } | string;
      const rows = validateSync(
        plain,
        inputs.map(one => typedTensor(one as Tensor)),
        outputs,
      );
      // A duplicate tensor may be accepted by the long one.
      const twice = new Set(inputs.map(({ name }) => name)).size < inputs.length;
      expect(rows).toBe(typeof found === "string" || twice ? undefined : Math.max(1, found.batch));
      expect(validateSync(closer, [], outputs)).toBeUndefined();
      if (rows !== undefined) passed++;
    }),
    { numRuns: 2000 },
  );
  expect(passed).toBeGreaterThan(50);
});

test.each([2, 32, 33, 40])("of %i inputs each may appear once", count => {
  const inputs = Array.from(
    { length: count },
    (_, i) => ({ name: `x${i}`, data_type: "TYPE_INT8", dims: [1] }) as const,
  );
  const config = configOf({
    name: "m",
    max_batch_size: 0,
    input: inputs,
    output: [{ name: "y", data_type: "TYPE_FP32", dims: [1] }],
  });
  const tensors = inputs.map(({ name }) => tensor(name, "INT8", [1]));
  const rows = (given: readonly RequestTensor[]) =>
    validateSync(
      config,
      given.map(one => typedTensor(one as Tensor)),
      ["y"],
    );
  expect(rows(tensors)).toBe(1);
  for (const place of [0, count - 1]) expect(rows(tensors.with(place, tensors[count - 1 - place]!))).toBeUndefined();
  expect(validateRequest(config, { id: "", parameters: new Map(), inputs: tensors, outputs: [] }).inputs.size).toBe(
    count,
  );
});

test("an accepted tensor is passed unchanged", () => {
  const inputs = [
    { name: "a", datatype: "FP32", shape: [2, 2], data: new Uint8Array(16) },
    { name: "b", datatype: "INT64", shape: [2, 1], data: new Uint8Array(16) },
  ];
  const valid = validateRequest(modelOf(4, false), { id: "", parameters: new Map(), inputs, outputs: [] });
  expect(valid.batch).toBe(2);
  expect(valid.inputs.get("a")).toBe(inputs[0]);
  expect([...valid.inputs.keys()]).toEqual(["a", "b"]);
});

test("a dimension below -1 fits a variable one, and is not a size", () => {
  const refusal = (wire: "FP32" | "BYTES", dims: readonly number[], shape: readonly number[]): unknown => {
    const config = configOf({
      name: "m",
      max_batch_size: 4,
      input: [{ name: "a", data_type: wire === "BYTES" ? "TYPE_STRING" : "TYPE_FP32", dims }],
      output: [{ name: "y", data_type: "TYPE_FP32", dims: [1] }],
    });
    const inputs = [{ name: "a", datatype: wire, shape, data: new Uint8Array(0) }];
    return outcome(config, { id: "", parameters: new Map(), inputs, outputs: [] });
  };
  expect(refusal("FP32", [-1], [1, -5])).toBe("tensor 'a' contains an invalid dimension [1,-5]");
  expect(refusal("BYTES", [-1], [1, -5])).toBe("tensor 'a' contains an invalid dimension in shape [1,-5]");
  expect(refusal("FP32", [4], [1, -4])).toMatch(
    "unexpected shape for input 'a' for model 'm'. Expected [-1,4], got [1,-4].",
  );
  expect(refusal("FP32", [-1], [1, -1])).toMatch("All input dimensions should be specified for input 'a'");
  expect(refusal("FP32", [-1, -1], [1, 2 ** 40, 2 ** 40])).toBe(
    "byte size for tensor 'a' exceeds maximum size of 9223372036854775807",
  );
  expect(refusal("BYTES", [-1, -1], [1, 2 ** 40, 2 ** 40])).toBe(
    "element count for tensor 'a' exceeds maximum size of 9223372036854775807",
  );
});
