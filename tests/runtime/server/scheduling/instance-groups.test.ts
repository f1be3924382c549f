/** Instance groups of a configuration as instances. */
import { describe, expect, test } from "vitest";
import { instancesOf } from "#runtime/server/scheduling/instance-groups.js";
import type { ModelConfigInit } from "#triton-protos/model-config.js";
import { configOf } from "./support.js";

describe("instance groups", () => {
  const groups = (instance_group: ModelConfigInit["instance_group"]) =>
    instancesOf(configOf({ instance_group: instance_group! }));
  test("without any there is one on the CPU", () => {
    expect(instancesOf({ instance_group: [] })).toEqual([{ name: "0", kind: "cpu" }]);
  });
  test("a group of GPUs has its count on each device, numbered through", () => {
    expect(groups([{ name: "g", count: 2, kind: "KIND_GPU", gpus: [3, 5] }])).toEqual([
      { name: "g_0", kind: "gpu", device: 3 },
      { name: "g_1", kind: "gpu", device: 3 },
      { name: "g_2", kind: "gpu", device: 5 },
      { name: "g_3", kind: "gpu", device: 5 },
    ]);
    expect(groups([{ name: "g", count: 1, kind: "KIND_GPU" }])).toEqual([{ name: "g_0", kind: "gpu", device: 0 }]);
  });
  test("groups follow each other, and one on the CPU has no device", () => {
    expect(
      groups([
        { name: "a", count: 1, kind: "KIND_CPU", gpus: [1] },
        { name: "b", count: 2, kind: "KIND_MODEL" },
      ]),
    ).toEqual([
      { name: "a_0", kind: "cpu" },
      { name: "b_0", kind: "cpu" },
      { name: "b_1", kind: "cpu" },
    ]);
  });
});
