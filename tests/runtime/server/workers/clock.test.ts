/**
 * The machine's clock is set while workers serve: by a day, forward and back, for one process and for all.
 */
import { expect, test } from "vitest";
import { grpcClient } from "../../../reliability/support.js";
import { elapse } from "../../../run/wait.js";
import { repository } from "../support.js";
import { clockJump } from "./clock-jump.js";
import { GOOD, INFER, javascriptModel, ones, type Served, SUMS, serveWorkers, workersOf } from "./served.js";

const DAY = 86_400_000;

/** Waits for as many milliseconds as its input. */
const SLOW = `export async function execute(requests) {
  await new Promise(done => setTimeout(done, requests[0].inputs.IN.data[0]));
  return requests.map(({ inputs: { IN } }) => ({ outputs: [{ ...IN, name: "OUT", data: IN.data.slice() }] }));
}`;

const lastInference = async (served: Served): Promise<number> =>
  (await served.call("GET", "/v2/models/echo_int32/stats")).json.model_stats[0].last_inference;

test("a clock that jumps by a day ends no worker, sequence or deadline", { timeout: 120_000 }, async () => {
  const clock = clockJump();
  const folder = repository(["echo_int32"], { ...javascriptModel("slow", SLOW), ...SUMS });
  const served = await serveWorkers(folder, 2, ["--worker-timeout", "2"], undefined, { env: clock.env });
  const pids = workersOf(served);
  const rpc = grpcClient(served.grpc);
  const slow = (ms: number, within: number) =>
    rpc.infer(
      {
        model_name: "slow",
        inputs: [{ name: "IN", shape: [1], datatype: "INT32" }],
        raw_input_contents: [new Uint8Array(Int32Array.of(ms).buffer)],
      },
      within,
    );
  const step = async (id: number, value: number, parameters: object = {}): Promise<number> =>
    (
      await served.call("POST", "/v2/models/sums/infer", {
        parameters: { sequence_id: id, ...parameters },
        inputs: [{ name: "INPUT", shape: [1, 1], datatype: "INT32", data: [value] }],
      })
    ).json.outputs?.[0].data[0];
  const everyone = [served.child.pid!, ...pids];
  const jumps: readonly (readonly [readonly number[], number])[] = [
    [[pids[0]!], DAY],
    [[pids[0]!], -DAY],
    [[pids[0]!], 1],
    [everyone, DAY + 1],
    [everyone, -DAY + 1],
    [everyone, 2],
  ];
  for (const id of [1, 2, 3, 4]) expect(await step(id, 10, { sequence_start: true })).toBe(10);
  let sum = 10;
  for (const [processes, ms] of jumps) {
    const running = slow(300, 20_000);
    const late = slow(2000, 700);
    const queued = served.call("POST", "/v2/models/slow/infer", ones([300]));
    await clock.set(processes, ms);
    // Longer than a worker may be silent.
    await elapse(2500);
    sum += 20;
    for (const id of [1, 2, 3, 4]) expect(await step(id, 20)).toBe(sum);
    for (let i = 0; i < 6; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
    expect((await running).code).toBe(0);
    expect((await late).code).toBe(4);
    expect((await queued).status).toBe(200);
  }
  for (const id of [1, 2, 3, 4]) expect(await step(id, 20, { sequence_end: true })).toBe(sum + 20);
  expect(workersOf(served)).toEqual(pids);
  expect(served.log()).not.toMatch(/silent|takes its place/);
  rpc.close();
  expect(await served.stop()).toBe(0);
  clock.remove();
});

test("the last inference is not in the future after the clock was set back", async () => {
  const clock = clockJump();
  const served = await serveWorkers(repository(["echo_int32"]), 2, [], undefined, { env: clock.env });
  const everyone = [served.child.pid!, ...workersOf(served)];
  await clock.set(everyone, DAY);
  for (let i = 0; i < 4; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await lastInference(served)).toBeGreaterThan(Date.now() + DAY / 2);
  await clock.set(everyone, 1);
  // One worker alone runs a request after that.
  const before = Date.now();
  expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  const last = await lastInference(served);
  expect(last).toBeGreaterThanOrEqual(before);
  expect(last).toBeLessThanOrEqual(Date.now() + 1);
  expect(await served.stop()).toBe(0);
  clock.remove();
});
