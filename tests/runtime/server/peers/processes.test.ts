/**
 * Workers as processes: one that is killed, hangs, stops or returns. Only the requests that it ran fail, and none waits without end.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { PeerOptions } from "#runtime/server/peers/options.js";
import { builtUrl } from "../../../needs/built.js";
import { repository, startServer } from "../support.js";
import { socketFolder, TOKEN, type Worker } from "./linked.js";

const SCRIPT = fileURLToPath(new URL("worker.mjs", import.meta.url));
const loopback = { port: 0, address: "127.0.0.1" };
/** How often a worker is killed; 50 take a minute on a quiet machine. */
const KILLS = Number(process.env.PEER_KILLS ?? 10);
/** Eight models with a queue, whose homes are spread over the workers. */
const NAMES = Array.from({ length: 8 }, (_, i) => `queue${i}`);
const config = (name: string, delay: number): string => `name: "${name}" backend: "identity" max_batch_size: 8
  input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ]
  parameters { key: "execute_delay_ms" value { string_value: "${delay}" } }
  dynamic_batching { default_queue_policy { max_queue_size: 1000 } }`;
const models = (delay: number): string =>
  repository(
    [],
    Object.fromEntries(
      NAMES.flatMap(name => [
        [`${name}/config.pbtxt`, config(name, delay)],
        [`${name}/1/.keep`, ""],
      ]),
    ),
  );

let folder: string;
let here: Worker;
const children = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  await here.stop();
});

const optionsOf = (self: number, silenceMs?: number): PeerOptions => ({
  ...{ self, count: 2, folder, token: TOKEN, silenceMs },
});

async function startOther(models: string, silenceMs?: number) {
  const options = {
    ...{ modelRepositories: [models], http: loopback, grpc: loopback, metrics: false, exitTimeoutSeconds: 10 },
    peers: optionsOf(1, silenceMs),
  };
  const child = fork(SCRIPT, [builtUrl("runtime/server/index.js"), JSON.stringify(options)]);
  children.add(child);
  await once(child, "message");
  return child;
}

async function start(delay: number, silenceMs?: number) {
  folder = socketFolder();
  const repository = models(delay);
  here = await startServer(repository, { peers: optionsOf(0, silenceMs), exitTimeoutSeconds: 10 });
  const child = await startOther(repository, silenceMs);
  await here.peers!.whole();
  return { repository, child };
}

interface Outcome {
  readonly model: string;
  readonly status: number;
  readonly text: string;
  readonly value?: number;
}
async function ask(model: string, value: number): Promise<Outcome> {
  const response = await fetch(`${here.http}/v2/models/${model}/infer`, {
    method: "POST",
    body: JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "INT32", shape: [1, 1], data: [value] }] }),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  return { model, status: response.status, text, value: JSON.parse(text).outputs?.[0]?.data[0] };
}

/** Which models run at the other worker. */
async function homedAway(): Promise<ReadonlySet<string>> {
  const away = new Set<string>();
  for (const name of NAMES) {
    const before = here.peers!.counts.homed;
    await ask(name, 0);
    if (here.peers!.counts.homed > before) away.add(name);
  }
  return away;
}

const ENDED = "worker 1 of this server, which ran the request, ended before it responded; send the request again";

describe("a worker that is killed", () => {
  test(`${KILLS} times under load: its own requests fail with UNAVAILABLE, all others are answered, none hangs`, async () => {
    let { repository, child } = await start(5);
    const away = await homedAway();
    expect(away.size).toBeGreaterThan(0);
    expect(away.size).toBeLessThan(NAMES.length);
    const outcomes: Outcome[] = [];
    let going = true;
    const clients = Array.from({ length: 16 }, async (_, i) => {
      for (let value = 0; going; value++) outcomes.push(await ask(NAMES[i % 8]!, value));
    });
    for (let killed = 0; killed < KILLS; killed++) {
      const answered = outcomes.length;
      await vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(answered + 32), 20_000);
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
      child = await startOther(repository);
      await here.peers!.whole();
    }
    going = false;
    await Promise.all(clients);
    const failed = outcomes.filter(({ status }) => status !== 200);
    expect(failed.length).toBe(here.peers!.counts.lost);
    expect(failed.length).toBeGreaterThan(KILLS / 5);
    for (const { model, status, text } of failed) {
      expect([model, away.has(model)]).toEqual([model, true]);
      expect([status, JSON.parse(text)]).toEqual([503, { error: ENDED }]);
    }
    for (const { status, value } of outcomes) if (status === 200) expect(value).toBeTypeOf("number");
    // It is the home of its models again.
    expect(await homedAway()).toEqual(away);
  }, 400_000);
});

describe("a worker that hangs", () => {
  test("is dropped after the time of silence; requests run here until it returns", async () => {
    const { child } = await start(50, 1000);
    const [name] = await homedAway();
    child.kill("SIGSTOP");
    const outcome = await ask(name!, 1);
    expect([outcome.status, JSON.parse(outcome.text)]).toEqual([
      503,
      { error: ENDED.replace("ended before it responded", "did not respond for 1 s") },
    ]);
    expect((await ask(name!, 2)).value).toBe(2);
    child.kill("SIGCONT");
    await vi.waitFor(() => expect(here.peers!.linked).toEqual([1]), 20_000);
    const before = here.peers!.counts.homed;
    expect((await ask(name!, 3)).value).toBe(3);
    expect(here.peers!.counts.homed).toBe(before + 1);
  });

  test("one that is busy for longer, and sends that it is, does not", async () => {
    await start(2500, 800);
    const outcomes = await Promise.all(NAMES.map((name, i) => ask(name, i)));
    expect(outcomes.map(({ value }) => value)).toEqual(NAMES.map((_, i) => i));
    expect(here.peers!.counts.homed).toBeGreaterThan(0);
  });
});

describe("a worker that stops", () => {
  test("answers what it has, and its models' home moves; no request is lost", async () => {
    const { child } = await start(20);
    const outcomes: Outcome[] = [];
    let going = true;
    const clients = Array.from({ length: 8 }, async (_, i) => {
      for (let value = 0; going; value++) outcomes.push(await ask(NAMES[i]!, value));
    });
    await vi.waitFor(() => expect(outcomes.length).toBeGreaterThan(16), 20_000);
    const gone = once(child, "exit");
    child.send("stop");
    expect(await gone).toEqual([0, null]);
    going = false;
    await Promise.all(clients);
    expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
    expect(here.peers!.linked).toEqual([]);
  });
});
