/**
 * config.pbtxt: what people write is read, what is printed reads back equal, faults have a line and a column.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { DATATYPES } from "#triton-protos/datatype.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { parseModelConfig, printModelConfig } from "#triton-protos/model-config.js";

test("comments, both list forms, nested messages, enum names and numbers, quotes and separators are read", () => {
  const plain = parseModelConfig(
    'name: "m" input [ { name: "a" data_type: TYPE_INT64 dims: [1, 2] }, { name: "b" data_type: TYPE_FP32 dims: 3 } ] parameters { key: "k" value { string_value: "v" } }',
    "plain",
  );
  const odd = parseModelConfig(
    "# head\nname: 'm' ; # after\ninput: < name: \"a\", data_type: 9 dims: 1 dims: 2 >\ninput { name: 'b' data_type: TYPE_FP32 dims: [ 3 ] }\nparameters: [ { key: \"k\", value: { string_value: \"\" 'v' } } ]\n# tail",
    "odd",
  );
  expect(odd).toEqual(plain);
  expect(plain.input).toMatchObject([
    { name: "a", dims: [1, 2], format: "FORMAT_NONE", optional: false },
    { name: "b" },
  ]);
});

test("faults are named by file, line and column", () => {
  const cases: Readonly<Record<string, string>> = {
    'name: "m"\n  foo: 3\n': "f:2:3: ModelConfig has no field `foo`; correct the name or remove the line",
    'input [\n  { name: "x" dim: [1] }\n]':
      "f:2:15: ModelInput has no field `dim`; correct the name or remove the line",
    'name: "m"\nmax_batch_size: 99999999999': "f:2:17: Integer out of range (99999999999)",
    'name: "a" # "\nname: "b"': "f:2:1: `name` is set a second time; remove one of the two",
    "backend: merlon": "f:1:10: Expected string, got: merlon",
    "input { data_type: TYPE_X }": "f:1:20: `TYPE_X` is not a value of `data_type`: TYPE_INVALID, TYPE_BOOL",
  };
  for (const [text, message] of Object.entries(cases)) expect(() => parseModelConfig(text, "f"), text).toThrow(message);
  expect(() => parseModelConfig('input { name: "x"', "f")).toThrow("f:1:18: Expected identifier, got: ");
});

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const dims = fc.array(fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 2 ** 40 })), { minLength: 1, maxLength: 4 });
const data_type = fc.constantFrom(...DATATYPES.map(row => row.config));
const config = fc.record(
  {
    name,
    backend: name,
    max_batch_size: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    input: fc.array(fc.record({ name, data_type, dims, optional: fc.boolean() }), { maxLength: 3 }),
    output: fc.array(fc.record({ name, data_type, dims, reshape: fc.record({ shape: dims }) }), { maxLength: 3 }),
    parameters: fc.dictionary(name, fc.record({ string_value: fc.string({ unit: "binary", maxLength: 10 }) }), {
      maxKeys: 3,
    }),
    version_policy: fc.oneof(
      fc.constant({ all: {} }),
      fc.record({ specific: fc.record({ versions: fc.array(fc.integer({ min: 1 })) }) }),
    ),
    dynamic_batching: fc.record({ preserve_ordering: fc.boolean(), max_queue_delay_microseconds: fc.maxSafeNat() }),
    instance_group: fc.array(fc.record({ count: fc.nat(100), kind: fc.constantFrom("KIND_CPU", "KIND_AUTO") }), {
      maxLength: 2,
    }),
  },
  { requiredKeys: [] },
);

test("what is printed reads back equal, and printing that again gives the same bytes", () => {
  fc.assert(
    fc.property(config, written => {
      const text = printModelConfig(written as ModelConfigInit);
      const read = parseModelConfig(text, "printed");
      expect(read).toMatchObject(written);
      expect(printModelConfig(read)).toBe(text);
    }),
    { numRuns: 200, seed: 3 },
  );
});
