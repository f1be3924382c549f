/**
 * The rate limiter: instances wait for the resources that their groups name, across models, and the model that has run least is first.
 */
import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createStatistics } from "#runtime/server/observe/statistics.js";
import { directScheduler } from "#runtime/server/scheduling/direct.js";
import { createInstances } from "#runtime/server/scheduling/instances.js";
import { type Job, now } from "#runtime/server/scheduling/job.js";
import { createRateLimiter } from "#runtime/server/scheduling/rate-limiter.js";
import { configOf, notedModel, requestOf, turns } from "./support.js";

const limited = (name: string, count: number, priority = 1) =>
  configOf({
    name,
    instance_group: [
      { count: 2, kind: "KIND_CPU", rate_limiter: { priority, resources: [{ name: "R", global: true, count }] } },
    ],
  });

test("instances of two models share a resource: a third waits until it is given back", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 2 }]);
  const [a, b] = [notedModel(true), notedModel(true)];
  const one = directScheduler(a, 2, createStatistics(), limiter.register(limited("a", 1)));
  const two = directScheduler(b, 2, createStatistics(), limiter.register(limited("b", 1)));
  const answers = [one.schedule(requestOf("1")), two.schedule(requestOf("2")), two.schedule(requestOf("3"))];
  await turns();
  expect([a.batches, b.batches]).toEqual([[["1"]], [["2"]]]);
  a.release();
  await turns();
  expect(b.batches).toEqual([["2"], ["3"]]);
  b.release();
  b.release();
  await Promise.all(answers);
});

test("a priority of 2 gets the resource half as often", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 1 }]);
  const [fast, slow] = [notedModel(), notedModel()];
  const order: string[] = [];
  const one = directScheduler(fast, 2, createStatistics(), limiter.register(limited("a", 1)));
  const two = directScheduler(slow, 2, createStatistics(), limiter.register(limited("b", 1, 2)));
  const note = (name: string, done: Promise<unknown>): Promise<void> => done.then(() => void order.push(name));
  await Promise.all([
    ...Array.from({ length: 8 }, (_, i) => note("a", one.schedule(requestOf(`${i}`)))),
    ...Array.from({ length: 8 }, (_, i) => note("b", two.schedule(requestOf(`${i}`)))),
  ]);
  const early = order.slice(0, 9);
  expect(early.filter(name => name === "a").length).toBeGreaterThanOrEqual(5);
  expect(early.filter(name => name === "b").length).toBeGreaterThanOrEqual(2);
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

test("a cancelled request does not block the resource", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 2 }]);
  const [a, b] = [notedModel(true), notedModel(true)];
  const one = directScheduler(a, 2, createStatistics(), limiter.register(limited("a", 2)));
  const two = directScheduler(b, 2, createStatistics(), limiter.register(limited("b", 1)));
  const first = two.schedule(requestOf("1"));
  const gone = new AbortController();
  const given = one.schedule(requestOf("2", { signal: gone.signal }));
  const next = two.schedule(requestOf("3"));
  await turns();
  // It fits beside the first, and stays behind the one that needs all.
  expect(b.batches).toEqual([["1"]]);
  gone.abort();
  await expect(given).rejects.toThrow("cancelled");
  b.release();
  await turns();
  expect(b.batches).toEqual([["1"], ["3"]]);
  b.release();
  await Promise.all([first, next]);
  // With any claims, a free resource is available at once.
  const last = two.schedule(requestOf("4"));
  expect(b.batches).toHaveLength(3);
  b.release();
  await last;
});

test("what can never run is refused with Triton's text", () => {
  expect(() => createRateLimiter([{ name: "R", count: 4 }]).register(limited("a", 8))).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message:
        'Resource count for "R" is limited to 4 which will prevent scheduling of one or more model instances, the minimum required count is 8',
    }),
  );
});

test("without a count of its own a resource is as large as the neediest instance requires", async () => {
  const limiter = createRateLimiter([]);
  const gate = limiter.register(limited("a", 3));
  const model = notedModel(true);
  const instances = createInstances(model, 2, createStatistics(), () => {}, gate);
  expect(instances.free()).toBe(2);
  const job: Job = { request: requestOf("1"), arrived: now(), resolve: () => {}, reject: () => {} };
  instances.run([job]);
  expect(instances.free()).toBe(0);
  model.release();
  await instances.idle();
  expect(instances.free()).toBe(2);
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

test("a model with nothing left to run does not block its resources", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 2 }]);
  const [a, b] = [notedModel(true), notedModel(true)];
  const one = directScheduler(a, 2, createStatistics(), limiter.register(limited("a", 1, 2)));
  const whole = configOf({
    name: "b",
    instance_group: [
      { count: 1, kind: "KIND_CPU", rate_limiter: { resources: [{ name: "R", global: true, count: 2 }] } },
    ],
  });
  const two = directScheduler(b, 1, createStatistics(), limiter.register(whole));
  const answers = [two, two, one, one].map((scheduler, i) => scheduler.schedule(requestOf(`${i}`)));
  for (let i = 0; i < 2; i++) {
    b.release();
    await turns();
  }
  // The other one has run twice and is as far as this one now; it waits for nothing.
  expect(a.batches).toEqual([["2"], ["3"]]);
  for (let i = 0; i < 2; i++) a.release();
  await Promise.all(answers);
});

test("a claim of a model with nothing left to run does not block its equals", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 2 }]);
  const one = (name: string, count: number, priority: number) => {
    const model = notedModel(true);
    const resources = [{ name: "R", global: true, count }];
    const config = configOf({
      name,
      instance_group: [{ count: 1, kind: "KIND_CPU", rate_limiter: { priority, resources } }],
    });
    return { model, scheduler: directScheduler(model, 1, createStatistics(), limiter.register(config)) };
  };
  const [a, b, c] = [one("a", 1, 3), one("b", 2, 2), one("c", 1, 1)];
  const answers = [b, c, a].map(({ scheduler }, i) => scheduler.schedule(requestOf(`${i}`)));
  // The second one is as far as the first then, and its claim does not fit beside the third.
  b.model.release();
  await turns();
  expect([a.model.batches, c.model.batches]).toEqual([[["2"]], [["1"]]]);
  for (const { model } of [a, c]) model.release();
  await Promise.all(answers);
});

test("a refused instance does not block its resources once another one runs the request", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 2 }]);
  const [a, b] = [notedModel(true), notedModel(true)];
  const one = directScheduler(a, 2, createStatistics(), limiter.register(limited("a", 1)));
  const group = { count: 1, kind: "KIND_CPU" as const };
  const either = configOf({
    name: "b",
    instance_group: [{ ...group, rate_limiter: { resources: [{ name: "R", global: true, count: 2 }] } }, group],
  });
  const two = directScheduler(b, 2, createStatistics(), limiter.register(either));
  const answers = [one, two, one, two, one].map((scheduler, i) => scheduler.schedule(requestOf(`${i}`)));
  a.release();
  await turns();
  // The second model's first instance waits for all of the resource.
  expect([a.batches, b.batches]).toEqual([[["0"], ["2"]], [["1"]]]);
  b.release();
  await turns();
  expect([a.batches, b.batches]).toEqual([
    [["0"], ["2"], ["4"]],
    [["1"], ["3"]],
  ]);
  for (const model of [a, a, b]) model.release();
  await Promise.all(answers);
});

test("of instances that have run as often the first runs, then the one that has run least", async () => {
  const limiter = createRateLimiter([{ name: "R", count: 9 }]);
  const ran: number[] = [];
  const model = notedModel();
  const execute: typeof model.execute = (requests, instance) => {
    ran.push(instance);
    return model.execute(requests, instance);
  };
  const scheduler = directScheduler({ ...model, execute }, 2, createStatistics(), limiter.register(limited("a", 1)));
  for (let i = 0; i < 4; i++) await scheduler.schedule(requestOf(`${i}`)).then(() => turn());
  expect(ran.slice(0, 2)).toEqual([0, 1]);
  expect(ran.slice(2).sort()).toEqual([0, 1]);
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
