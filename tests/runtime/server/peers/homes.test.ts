import { describe, expect, test } from "vitest";
import type { InferRequest } from "#runtime/server/contract.js";
import { type HomeFacts, hashText, homeKeyOf, homeOf } from "#runtime/server/peers/homes.js";
import type { ValidRequest } from "#runtime/server/requests/validate.js";
import { parseModelConfig } from "#triton-protos/model-config.js";

const NONE: HomeFacts = { limitsRate: false, caches: false, replays: false, homeBatchers: "none" };
const valid = (data: readonly number[]): ValidRequest => ({
  batch: 1,
  inputs: new Map([["X", { name: "X", datatype: "UINT8", shape: [data.length], data: Uint8Array.from(data) }]]),
  outputs: new Set(["Y"]),
});
const request = (parameters: Iterable<[string, string | number | bigint | boolean]> = []): InferRequest => ({
  ...{ id: "", parameters: new Map(parameters), inputs: [], outputs: [] },
});
const keyOf = (config: string, facts: Partial<HomeFacts> = {}, name = "m", version = 1) =>
  homeKeyOf(
    { model: name, namespace: "", version, config: parseModelConfig(config, "config.pbtxt") },
    { ...NONE, ...facts },
  );

describe("the homes of keys", () => {
  test("workers have equal shares, and one that leaves moves only its own", () => {
    const workers = [0, 1, 2, 3, 4, 5, 6];
    const shares = new Map(workers.map(worker => [worker, 0]));
    for (let i = 0; i < 7000; i++) {
      const key = hashText(`${i}`);
      const home = homeOf(key, workers);
      shares.set(home, shares.get(home)! + 1);
      const left = workers.filter(worker => worker !== 3);
      if (home === 3) expect(left).toContain(homeOf(key, left));
      else expect(homeOf(key, left)).toBe(home);
    }
    for (const share of shares.values()) expect(Math.abs(share - 1000)).toBeLessThan(130);
  });
});

describe("requests with a home", () => {
  test("those of a sequence, by its id in any form that the batcher takes for the same", () => {
    const key = keyOf("sequence_batching { direct { } }")!;
    const of = (id: string | number | bigint) => key(request([["sequence_id", id]]), valid([1]));
    expect(of(5)).toBe(of(5n));
    expect(of(-1n)).toBe(of(2n ** 64n - 1n));
    expect(of("5")).not.toBe(of(5n));
    expect([of(0n), of(""), of(0), key(request(), valid([1]))]).toEqual(new Array(4).fill(undefined));
    expect(keyOf("sequence_batching { direct { } }", {}, "m", 2)!(request([["sequence_id", 5n]]), valid([1]))).not.toBe(
      of(5n),
    );
  });

  test("those with equal inputs, for a model with a cache in this process", () => {
    const cached = "response_cache { enable: true }";
    const key = keyOf(cached, { caches: true })!;
    const long = Array.from({ length: 5000 }, (_, i) => i % 251);
    expect(key(request(), valid(long))).toBe(key(request(), valid(long)));
    expect(key(request(), valid(long))).not.toBe(key(request(), valid([...long, 0])));
    expect(key(request(), valid([1, 2]))).not.toBe(key(request(), valid([2, 1])));
    expect(keyOf(cached)).toBeUndefined();
  });

  test.each([
    ['instance_group [ { count: 1 rate_limiter { resources [ { name: "R" count: 1 } ] } } ]', { limitsRate: true }],
    ["dynamic_batching { default_queue_policy { max_queue_size: 3 } }", {}],
    ["dynamic_batching { default_queue_policy { default_timeout_microseconds: 3 } }", {}],
    ["dynamic_batching { default_queue_policy { allow_timeout_override: true } }", {}],
    ["dynamic_batching { priority_levels: 2 default_priority_level: 1 }", {}],
    ["dynamic_batching { preserve_ordering: true }", {}],
    ["ensemble_scheduling { max_inflight_requests: 2 }", {}],
    ["dynamic_batching { preferred_batch_size: [ 4 ] }", { homeBatchers: "preferred" as const }],
    ["", { replays: true }],
  ])("all of a model with %s", (config, facts) => {
    const key = keyOf(config, facts)!;
    expect(key(request(), valid([1]))).toBe(key(request([["p", 1]]), valid([2])));
  });

  test.each([
    "",
    "dynamic_batching { }",
    "dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 100 }",
    'instance_group [ { count: 1 rate_limiter { resources [ { name: "R" count: 1 } ] } } ]',
    "ensemble_scheduling { }",
  ])("none of a model with %j", config => {
    expect(keyOf(config)).toBeUndefined();
  });

  test("all models that a fault counts have one home together, until it is over; sequences keep theirs", () => {
    let isOn = true;
    const facts = { caches: true, countsFaults: (model: string) => isOn && model !== "other" };
    const of = (config: string, model: string, data = [1]) => keyOf(config, facts, model)!(request(), valid(data));
    const cached = "response_cache { enable: true }";
    const home = of("", "one");
    expect(home).toBeDefined();
    expect([of("", "two"), of(cached, "one"), of(cached, "one", [2])]).toEqual([home, home, home]);
    expect(of("", "other")).toBeUndefined();
    const sequence = request([["sequence_id", 5n]]);
    const direct = "sequence_batching { direct { } }";
    expect(keyOf(direct, facts)!(sequence, valid([1]))).toBe(keyOf(direct)!(sequence, valid([1])));
    isOn = false;
    expect(of("", "one")).toBeUndefined();
    expect(of(cached, "one")).not.toBe(of(cached, "one", [2]));
  });
});
