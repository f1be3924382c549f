/**
 * Workers are killed at random moments of loads, uploads, unloads and polls. All that serve have the same models. None has an older one than the
 * last acknowledged change.
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { elapse, until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { javascriptModel, ones, type Served, serveWorkers, workersOf } from "./served.js";

/** Kills of each test; `MERLON_KILLS` sets more. */
const KILLS = Number(process.env.MERLON_KILLS ?? 4);
const PATIENCE_MS = Math.max(300_000, 30_000 * KILLS);

/** Answers its number. */
const model = (number: number): string =>
  `export const execute = requests => requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1], data: [${number}] }] }));`;
const FILES = javascriptModel("a", model(0));
const TENSOR = { data_type: "TYPE_INT32", dims: [-1] };
const CONFIG = {
  name: "a",
  backend: "javascript",
  input: [{ name: "IN", ...TENSOR }],
  output: [{ name: "OUT", ...TENSOR }],
};

const upload = (served: Served, number: number, parameters = {}) =>
  served.call("POST", "/v2/repository/models/a/load", {
    parameters: {
      config: JSON.stringify({ ...CONFIG, parameters }),
      "file:1/model.mjs": Buffer.from(model(number)).toString("base64"),
    },
  });
const change = (served: Served, what: "load" | "unload") => served.call("POST", `/v2/repository/models/a/${what}`, {});

/** The number that a worker answers over a connection of its own; undefined if the worker has ended, or has no model. */
async function number(served: Served): Promise<number | undefined> {
  const answer = await served.call("POST", "/v2/models/a/infer", ones([1])).catch(() => undefined);
  return answer?.json?.outputs?.[0].data[0];
}

/** The numbers over connections that reach both workers. */
async function numbers(served: Served): Promise<ReadonlySet<number | undefined>> {
  const found = new Set<number | undefined>();
  for (let i = 0; i < 8; i++) found.add(await number(served));
  return found;
}

const joined = (served: Served): number => served.log().split(" serves").length - 1;

let served: Served;
afterEach(async () => expect(await served.stop()).toBe(0));

const EXPLICIT = ["--model-control-mode", "explicit", "--allow-model-code-upload", "true"];

test(
  "an upload while a worker starts: it joins with the new files",
  async () => {
    served = await serveWorkers(repository([], FILES), 2, EXPLICIT);
    expect((await upload(served, 1)).status).toBe(200);
    for (let round = 2; round < 2 + KILLS; round++) {
      process.kill(workersOf(served)[round % 2]!, "SIGKILL");
      // Before and after the new process has begun to load.
      await elapse(40 * round);
      expect((await upload(served, round, { round: { string_value: `${round}` } })).status).toBe(200);
      await until("the other serves", () => joined(served) === round - 1, 60_000);
      expect(await numbers(served)).toEqual(new Set([round]));
    }
  },
  PATIENCE_MS,
);

test("files that change on disk without a load: a worker that joins has the same as the others", async () => {
  const folder = repository([], FILES);
  served = await serveWorkers(folder, 2);
  writeFileSync(join(folder, "a/1/model.mjs"), model(1));
  process.kill(workersOf(served)[0]!, "SIGKILL");
  await until("the other serves", () => joined(served) === 1, 60_000);
  expect((await numbers(served)).size).toBe(1);
});

/** Random numbers from 0 to 1, the same for each seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Requests while `act` runs. @param isWrong of a number that was sent after the change `acked` was acknowledged @returns wrong numbers */
async function underTraffic(
  at: { acked: number },
  isWrong: (number: number, acked: number) => boolean,
  act: () => Promise<void>,
) {
  const wrong: string[] = [];
  let [isOver, answered] = [false, 0];
  const loop = async (): Promise<void> => {
    while (!isOver) {
      const { acked } = at;
      const got = await number(served);
      if (got === undefined) continue;
      answered++;
      if (isWrong(got, acked)) wrong.push(`${got} after ${acked}`);
    }
  };
  const loops = Promise.all([loop(), loop()]);
  try {
    await act();
  } finally {
    isOver = true;
    await loops;
  }
  return { wrong, answered };
}

/** Both workers serve, and have the same number. */
const agreed = (): Promise<number> =>
  until(
    "both workers have the same model",
    async () => {
      if (workersOf(served).length < 2) return false;
      const [first, ...others] = await numbers(served);
      return others.length === 0 && first;
    },
    60_000,
  );

test.each(Array.from({ length: Number(process.env.MERLON_SEEDS ?? 1) }, (_, i) => i + 1))(
  "kills at random moments of uploads, loads and unloads (seed %i)",
  async seed => {
    const next = random(seed);
    const folder = repository([], FILES);
    served = await serveWorkers(folder, 2, [...EXPLICIT, "--load-model", "a"]);
    const at = { acked: 0 };
    let last = 0;
    const kill = (): void => {
      const pids = workersOf(served);
      const pid = pids[Math.floor(next() * pids.length)];
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    };
    const oneChange = async (): Promise<boolean> => {
      last++;
      const kind = next();
      if (kind < 0.3) {
        writeFileSync(join(folder, "a/1/new.mjs"), model(last));
        renameSync(join(folder, "a/1/new.mjs"), join(folder, "a/1/model.mjs"));
        // A plain load after an upload: the files on disk serve again.
        return (await change(served, "load")).status === 200;
      }
      // The same configuration as the last upload's, whose files Triton ignores while it serves.
      if (kind < 0.6)
        return (await change(served, "unload")).status === 200 && (await upload(served, last)).status === 200;
      return (await upload(served, last, { number: { string_value: `${last}` } })).status === 200;
    };
    const { wrong, answered } = await underTraffic(
      at,
      (got, acked) => got < acked || got > last,
      async () => {
        for (let kills = 0; kills < KILLS; kills++) {
          const killed = elapse(400 * next()).then(kill);
          while (!(await oneChange().catch(() => false)));
          at.acked = last;
          await killed;
          if (next() < 0.5) expect(await agreed()).toBe(last);
        }
        expect(await agreed()).toBe(last);
      },
    );
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(10 * KILLS);
  },
  PATIENCE_MS,
);

test(
  "kills at random moments of polls",
  async () => {
    const next = random(7);
    const folder = repository([], FILES);
    served = await serveWorkers(folder, 2, ["--model-control-mode", "poll", "--repository-poll-secs", "1"]);
    for (let round = 1; round <= KILLS; round++) {
      writeFileSync(join(folder, "a/1/new.mjs"), model(round));
      renameSync(join(folder, "a/1/new.mjs"), join(folder, "a/1/model.mjs"));
      await elapse(1000 * next());
      process.kill(workersOf(served)[round % 2] ?? workersOf(served)[0]!, "SIGKILL");
      await until("both have the new files", async () => (await agreed()) === round, 60_000);
    }
  },
  PATIENCE_MS,
);
