/**
 * The rate limiter: instances wait for the resources that their groups name, across models, and the model that has run least is first.
 */
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { directScheduler } from "#runtime/server/scheduling/direct.js";
import { createRateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import { configOf, notedModel, requestOf } from "./support.js";

const limited = (name: string, count: number, priority = 1) =>
  configOf({
    name,
    instance_group: [
      { count: 2, kind: "KIND_CPU", rate_limiter: { priority, resources: [{ name: "R", global: true, count }] } },
    ],
  });

interface Side {
  readonly count: number;
  readonly takes: number;
  readonly priority: number;
  readonly requests: number;
}
const orders = JSON.parse(
  readFileSync(new URL("../../../fixtures/rate-limiter/orders.json", import.meta.url), "utf8"),
) as readonly { available: number; a: Side; b: Side; order: string }[];

const of = (name: string, { count, takes, priority }: Side) =>
  configOf({
    name,
    instance_group: [
      { count, kind: "KIND_CPU", rate_limiter: { priority, resources: [{ name: "R", global: true, count: takes }] } },
    ],
  });

// Recorded by tests/oracles/triton/rate-limiter.mjs. If instances of b fit together, they would never leave enough for a.
test.each(orders)(
  "models that share a resource take turns as in Triton: $order",
  async ({ available, a, b, order }) => {
    const limiter = createRateLimiter([{ name: "R", count: available }]);
    const running: (() => void)[] = [];
    let ended = "";
    const side = (name: string, { count }: Side, config: ReturnType<typeof of>) => {
      const model = notedModel(true);
      const execute: typeof model.execute = (requests, instance) => {
        running.push(() => {
          ended += name;
          model.release();
        });
        return model.execute(requests, instance);
      };
      return directScheduler({ ...model, execute }, count, createStatistics(), limiter.register(config));
    };
    const [one, two] = [side("a", a, of("a", a)), side("b", b, of("b", b))];
    const answers = [
      ...Array.from({ length: a.requests }, (_, i) => one.schedule(requestOf(`${i}`))),
      ...Array.from({ length: b.requests }, (_, i) => two.schedule(requestOf(`${i}`))),
    ];
    while (ended.length < order.length) {
      running.shift()?.();
      await turn();
    }
    await Promise.all(answers);
    expect(ended).toBe(order);
  },
);

test("what can never run is refused with Triton's text", () => {
  expect(() => createRateLimiter([{ name: "R", count: 4 }]).register(limited("a", 8))).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message:
        'Resource count for "R" is limited to 4 which will prevent scheduling of one or more model instances, the minimum required count is 8',
    }),
  );
});

test("a resource of another device is none, and so is one that is not named beside others", () => {
  const local = configOf({
    name: "l",
    instance_group: [{ count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", count: 2 }] } }],
  });
  const missing =
    'Resource count for "R" is limited to 0 which will prevent scheduling of one or more model instances, the minimum required count is 2';
  expect(() => createRateLimiter([{ name: "R", count: 9, device: 1 }]).register(local)).toThrow(missing);
  expect(() => createRateLimiter([{ name: "S", count: 9 }]).register(local)).toThrow(missing);
  // The device's own count, or that of every device; twice the same one is the smaller.
  for (const device of [0, undefined])
    createRateLimiter([{ name: "R", count: 2, ...(device !== undefined && { device }) }]).register(local);
  const smaller = [
    { name: "R", count: 9, device: 0 },
    { name: "R", count: 1, device: 0 },
  ];
  expect(() => createRateLimiter(smaller).register(local)).toThrow(missing.replace("to 0", "to 1"));
  // A global one is wherever it is named.
  createRateLimiter([{ name: "R", count: 2, device: 7 }]).register(limited("a", 2));
});

test("a resource is global or a device's own, for all models", () => {
  const limiter = createRateLimiter([]);
  limiter.register(limited("a", 1));
  const local = configOf({
    name: "l",
    instance_group: [{ count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", count: 1 }] } }],
  });
  expect(() => limiter.register(local)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: 'Resource "R" is present as both global and device-specific resource in the model configuration.',
    }),
  );
});

test("each device has its own of a resource that is not global", () => {
  const limiter = createRateLimiter([{ name: "R", count: 1 }]);
  const gate = limiter.register(
    configOf({
      name: "g",
      instance_group: [
        { count: 1, kind: "KIND_GPU", gpus: [0, 1], rate_limiter: { resources: [{ name: "R", count: 1 }] } },
      ],
    }),
  );
  gate.take(0, true);
  expect([gate.mayRun(0), gate.mayRun(1)]).toEqual([false, true]);
});

test("of several resources that are too small the first by Triton's order is named: global ones, then by name", () => {
  const needing = (...resources: { name: string; global?: boolean }[]) =>
    configOf({
      name: "m",
      instance_group: [
        { count: 1, kind: "KIND_CPU", rate_limiter: { resources: resources.map(one => ({ ...one, count: 2 })) } },
      ],
    });
  const named = (...resources: { name: string; global?: boolean }[]): string => {
    try {
      createRateLimiter([{ name: "other", count: 1 }]).register(needing(...resources));
    } catch (error) {
      return /"(.*)"/.exec((error as Error).message)![1]!;
    }
    return "";
  };
  const [a, b, c, d] = [{ name: "A" }, { name: "B" }, { name: "C", global: true }, { name: "D", global: true }];
  expect(named(b!, a!)).toBe("A");
  expect(named(a!, b!)).toBe("A");
  expect(named(a!, d!, c!)).toBe("C");
  expect(named(d!, b!)).toBe("D");
  expect(named(b!, d!)).toBe("D");
  expect(named(c!, d!)).toBe("C");
});
