// An arm without its model, with real servers: it is stopped, its users get the first arm, and it can serve again.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { build, compile } from "#compiler/index.js";
import { until } from "../../run/wait.js";
import { clockJump } from "./workers/clock-jump.js";
import { type Served, serveWorkers, workersOf } from "./workers/served.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-guardrail-"));
const repository = join(folder, "repository");
const patient = join(folder, "patient");
const pausing = join(folder, "pausing");
/** Seconds after which a stopped arm serves again. */
const PAUSE = 12;
const DAY = 86_400_000;
/** Users before an arm is judged. */
const PATIENT = 100;
const MODELS = join(import.meta.dirname, "../../samples/artefacts/models");
const PROGRAM = `import { ensemble, predictOnnx, rename, source, split } from "merlon";
const request = source({ user_id: "int64", item_id: "int64", age: "float32" });
const treatment = request[["item_id", "age"]] >> predictOnnx("ranker.onnx");
const control = request["age"] >> rename({ name: "purchase/binary_output" });
export default ensemble("guarded", request["user_id"] >> split({ control, treatment }, { guardrail: { errorRate: 0.2, minimum: 10, window: 40 } }));
`;

beforeAll(async () => {
  cpSync(join(MODELS, "ranker.onnx"), join(folder, "ranker.onnx"));
  writeFileSync(join(folder, "guarded.ensemble.ts"), PROGRAM);
  const compiled = await compile(join(folder, "guarded.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  build(compiled, repository);
  const waits = PROGRAM.replace('"guarded"', '"patient"').replace("minimum: 10, window: 40", `minimum: ${PATIENT}`);
  writeFileSync(join(folder, "patient.ensemble.ts"), waits);
  const other = await compile(join(folder, "patient.ensemble.ts"));
  if (!other.ok) throw new Error(other.diagnostics[0]!.message);
  build(other, patient);
  const pauses = PROGRAM.replace('"guarded"', '"pausing"').replace("window: 40", `window: 40, resumeSeconds: ${PAUSE}`);
  writeFileSync(join(folder, "pausing.ensemble.ts"), pauses);
  const third = await compile(join(folder, "pausing.ensemble.ts"));
  if (!third.ok) throw new Error(third.diagnostics[0]!.message);
  build(third, pausing);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bodyOf = (user: number, parameters = {}) => ({
  parameters,
  inputs: [
    { name: "user_id", datatype: "INT64", shape: [1, 1], data: [user] },
    { name: "item_id", datatype: "INT64", shape: [1, 1], data: [1] },
    { name: "age", datatype: "FP32", shape: [1, 1], data: [30] },
  ],
});

async function withServer(workers: number, act: (served: Served) => Promise<void>, name = "guarded") {
  const served = await serveWorkers(name === "guarded" ? repository : patient, workers, [
    ...["--model-control-mode", "explicit", "--load-model", name],
  ]);
  try {
    await act(served);
  } finally {
    expect(await served.stop()).toBe(0);
  }
}

const send = (served: Served, user: number, parameters = {}, name = "guarded") =>
  served.call("POST", `/v2/models/${name}/infer`, bodyOf(user, parameters));

test.each([1, 2])(
  "%i worker(s): an arm without its model is stopped, and starts again",
  { timeout: 120_000 },
  async workers => {
    await withServer(workers, async served => {
      const armsOf = async (users: readonly number[]) => {
        const found: string[] = [];
        for (const user of users) found.push((await send(served, user)).json.parameters?.arm ?? "failed");
        return found;
      };
      const users = Array.from({ length: 40 }, (_, i) => i);
      const before = await armsOf(users);
      expect(new Set(before)).toEqual(new Set(["control", "treatment"]));
      const treated = users.filter((_, i) => before[i] === "treatment");
      const { json: index } = await served.call("POST", "/v2/repository/index", {});
      const model = (index as { name: string }[]).find(({ name }) => name !== "guarded")!.name;
      expect((await served.call("POST", `/v2/repository/models/${model}/unload`, {})).status).toBe(200);
      // Requests of the arm's users fail until it is stopped, in each worker.
      let failures = 0;
      for (let user = 0; user < 400; user++) {
        const { status } = await send(served, user);
        if (status !== 200) failures++;
      }
      expect(failures).toBeGreaterThan(0);
      expect(failures).toBeLessThan(40 * workers);
      const { json, status } = await send(served, treated[0]!);
      expect([status, json.parameters]).toEqual([200, { arm: "control", arm_stopped: "treatment" }]);
      expect(served.log()).toMatch(
        /'guarded': arm `treatment` of `.*split` is stopped: \d+ of its last \d+ requests failed, and `errorRate` is 0.2. Its users get `control`/,
      );
      const text = await (await fetch(`http://127.0.0.1:${served.metrics}/metrics`)).text();
      expect(text).toMatch(/^# TYPE merlon_stage_arm_stopped gauge$/m);
      expect(text).toMatch(/^merlon_stage_arm_stopped\{.*arm="treatment".*\} 1$/m);
      expect(text).toMatch(/^merlon_stage_arm_stopped\{.*arm="control".*\} 0$/m);
      // A request that names the arm still gets it.
      expect((await send(served, treated[0]!, { arm: "treatment" })).status).not.toBe(200);
      for (const [name, action] of [
        [model, "load"],
        ["guarded", "unload"],
        ["guarded", "load"],
      ])
        expect((await served.call("POST", `/v2/repository/models/${name}/${action}`, {})).status).toBe(200);
      expect(await armsOf(users)).toEqual(before);
    });
  },
);

test("two workers share the window, and a stop in one is a stop in both", { timeout: 120_000 }, async () => {
  await withServer(
    2,
    async served => {
      const { json: index } = await served.call("POST", "/v2/repository/index", {});
      const model = (index as { name: string }[]).find(({ name }) => name !== "patient")!.name;
      expect((await served.call("POST", `/v2/repository/models/${model}/unload`, {})).status).toBe(200);
      let failures = 0;
      const isStopped = () => /arm `treatment` of `.*split` is stopped/.test(served.log());
      for (let user = 0; !isStopped(); user++) {
        expect(failures).toBeLessThan(1.6 * PATIENT);
        const { status } = await send(served, user, {}, "patient");
        if (status !== 200) failures++;
      }
      // Each worker alone would need as many users.
      expect(failures).toBeGreaterThanOrEqual(PATIENT);
      const after = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => (await send(served, 5000 + i, {}, "patient")).status),
      );
      expect(new Set(after)).toEqual(new Set([200]));
      expect(served.log().match(/is stopped: /g)).toHaveLength(1);
      // A worker that takes the place of another learns it.
      process.kill(workersOf(served)[0]!, "SIGKILL");
      await vi.waitFor(() => expect(served.log()).toMatch(/worker \d+ \(process \d+\) serves/), 30_000);
      const later = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => (await send(served, 6000 + i, {}, "patient")).status),
      );
      expect(new Set(later)).toEqual(new Set([200]));
    },
    "patient",
  );
});

test.each([
  ["forward", DAY],
  ["back", -DAY],
])("a clock that is set %s neither starts a stopped arm nor prolongs its stop", { timeout: 120_000 }, async (_, ms) => {
  const clock = clockJump();
  const flags = ["--model-control-mode", "explicit", "--load-model", "pausing"];
  const served = await serveWorkers(pausing, 2, flags, undefined, { env: clock.env });
  const { json: index } = await served.call("POST", "/v2/repository/index", {});
  const model = (index as { name: string }[]).find(({ name }) => name !== "pausing")!.name;
  expect((await served.call("POST", `/v2/repository/models/${model}/unload`, {})).status).toBe(200);
  const isStopped = () => /arm `treatment` of `.*split` is stopped/.test(served.log());
  for (let user = 0; !isStopped() && user < 400; user++) await send(served, user, {}, "pausing");
  expect(isStopped()).toBe(true);
  await clock.set([served.child.pid!, ...workersOf(served)], ms, true);
  const statuses = async (from: number): Promise<Set<number>> => {
    const all: number[] = [];
    for (let i = 0; i < 20; i++) all.push((await send(served, from + i, {}, "pausing")).status);
    return new Set(all);
  };
  expect(await statuses(1000)).toEqual(new Set([200]));
  // A worker that starts after the jump learns the stop.
  process.kill(workersOf(served)[0]!, "SIGKILL");
  await until("another serves", () => /worker \d+ \(process \d+\) serves/.test(served.log()));
  expect(await statuses(2000)).toEqual(new Set([200]));
  expect(served.log()).not.toContain("is tried again");
  // After the pause the arm gets users again, whose requests fail.
  await until("the arm is tried again", async () => (await statuses(3000)).size > 1, 30_000);
  expect(await served.stop()).toBe(0);
  clock.remove();
});
