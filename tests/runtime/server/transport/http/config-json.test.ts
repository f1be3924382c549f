/** Model configurations as Triton prints them. */
import { describe, expect, test } from "vitest";
import { printConfig } from "#runtime/server/transport/http/config-json.js";

describe("a configuration as JSON", () => {
  const printed = (value: unknown) => JSON.parse(printConfig(value as never).replaceAll(/(?<=:)(\d{17,})/g, '"#$1"'));
  test("has 64-bit integers as numbers, and those of rarer messages as texts", () => {
    const item = { device_id: 5, kind: "KIND_GPU" };
    const graph = { batch_size: 1, input: { a: { dim: [4] } }, graph_lower_bound: { input: { a: { dim: [4] } } } };
    expect(
      printed({
        name: "m",
        max_batch_size: 8,
        input: [{ dims: [-1, 3] }],
        instance_group: [{ gpus: [1], secondary_devices: [item] }],
        sequence_batching: { state: [{ dims: [2], initial_state: [{ dims: [2], zero_data: true, name: "z" }] }] },
        optimization: { cuda: { graph_spec: [graph] }, priority: 2 },
      }),
    ).toEqual({
      name: "m",
      max_batch_size: 8,
      input: [{ dims: [-1, 3] }],
      instance_group: [{ gpus: [1], secondary_devices: [{ ...item, device_id: "5" }] }],
      sequence_batching: { state: [{ dims: [2], initial_state: [{ dims: ["2"], name: "z", zero_data: true }] }] },
      optimization: {
        cuda: {
          graph_spec: [
            { batch_size: 1, input: { a: { dim: ["4"] } }, graph_lower_bound: { input: { a: { dim: ["4"] } } } },
          ],
        },
        priority: 2,
      },
    });
  });
  test("has the source of an initial state last, whichever it is", () => {
    const state = (given: object) =>
      printConfig({ sequence_batching: { state: [{ initial_state: [given] }] } } as never).replace(
        /.*initial_state":\[/,
        "",
      );
    expect(state({ zero_data: true, name: "z" })).toBe('{"name":"z","zero_data":true}]}]}}');
    expect(state({ data_file: "f", name: "z" })).toBe('{"name":"z","data_file":"f"}]}]}}');
    expect(state({ data_file: "f" })).toBe('{"data_file":"f"}]}]}}');
  });
  test("has large integers with all their digits, and numbers that are none as texts", () => {
    expect(
      printConfig({
        a: 2 ** 60,
        b: 2 ** 64,
        c: Number.NaN,
        d: Infinity,
        e: 1e300,
        f: 1.5,
        g: 2 ** 53,
        h: null,
      } as never),
    ).toBe(
      `{"a":1152921504606846976,"b":18446744073709551615,"c":"NaN","d":"Infinity","e":18446744073709551615,"f":1.5,"g":9007199254740992,"h":null}`,
    );
  });
  test("has large negative integers with all their digits", () => {
    expect(printConfig({ versions: [-(2 ** 63), -(2 ** 60), -1, 2 ** 53 - 1] } as never)).toBe(
      `{"versions":[${[-(2n ** 63n), -(2n ** 60n), -1n, 2n ** 53n - 1n]}]}`,
    );
  });
  test("keeps the order of named values that have the names of an initial state's fields", () => {
    const parameters = ["data_file", "name", "zero_data", "last"].map(key => `"${key}":{"string_value":"${key}"}`);
    const text = `{"parameters":{${parameters}}}`;
    expect(printConfig(JSON.parse(text))).toBe(text);
  });
});
