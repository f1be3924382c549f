/**
 * Loads of models in two workers: all of them publish the new versions, or none.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "#runtime/client/index.js";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { call, javascriptModel, ones, type Served, serveWorkers, workersOf } from "./served.js";

/** Loads under traffic; `npm run soak:workers` makes thousands. */
const CYCLES = process.env.MERLON_CYCLES === undefined ? undefined : Number(process.env.MERLON_CYCLES);
const PATIENCE_MS = Math.max(600_000, 20_000 * (CYCLES ?? 0));

/** Answers its number and the process; `prepare` runs as the model loads, with `folder`, a place of the test. */
const model = (
  number: number,
  prepare = "",
): string => `import { existsSync, readFileSync, writeFileSync } from "node:fs";
export async function initialize() { ${prepare} }
export const execute = requests => requests.map(() => ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [2], data: [${number}, process.pid] }] }));`;

async function withServer(
  files: Readonly<Record<string, string>>,
  flags: readonly string[],
  act: (served: Served, folder: string) => Promise<void>,
): Promise<void> {
  const folder = repository([], files);
  const served = await serveWorkers(folder, 2, flags);
  try {
    await act(served, folder);
  } finally {
    expect(await served.stop()).toBe(0);
  }
}

const EXPLICIT = ["--model-control-mode", "explicit", "--load-model", "a"];
/** The number that each worker's model answers. */
async function numbers(served: Served, name = "a"): Promise<ReadonlyMap<number, number>> {
  const found = new Map<number, number>();
  for (let i = 0; i < 8; i++) {
    const { json } = await served.call("POST", `/v2/models/${name}/infer`, ones([1]));
    const [number, pid] = json.outputs[0].data as [number, number];
    found.set(pid, number);
  }
  return found;
}
const load = (served: Served, name = "a") => served.call("POST", `/v2/repository/models/${name}/load`, {});

test("a load that fails in one worker leaves all of them with the old version, and says why", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  await withServer(javascriptModel("a", model(1)), EXPLICIT, async (served, folder) => {
    const pids = workersOf(served);
    // The second process that loads it fails.
    const once = `try { writeFileSync(${JSON.stringify(join(marks, "first"))}, "", { flag: "wx" }); } catch { throw new Error("only one may"); }`;
    writeFileSync(join(folder, "a/1/model.mjs"), model(2, once));
    const failed = await load(served);
    expect(failed.status).toBe(400);
    expect(failed.json.error).toMatch(
      /^load failed for model 'a': version 1 is at UNAVAILABLE state: Internal: .*only one may/,
    );
    expect(await numbers(served)).toEqual(new Map(pids.map(pid => [pid, 1])));
    for (let i = 0; i < 4; i++) expect((await served.call("GET", "/v2/models/a/ready")).status).toBe(200);
    // The next load succeeds in both.
    writeFileSync(join(folder, "a/1/model.mjs"), model(3));
    expect((await load(served)).status).toBe(200);
    expect(await numbers(served)).toEqual(new Map(pids.map(pid => [pid, 3])));
  });
  rmSync(marks, { recursive: true });
});

test("a first load that fails in one worker is in no worker, and the index has its reason", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const once = `try { writeFileSync(${JSON.stringify(join(marks, "first"))}, "", { flag: "wx" }); } catch { throw new Error("only one may"); }`;
  const files = { ...javascriptModel("a", model(1)), ...javascriptModel("b", model(1, once)) };
  await withServer(files, EXPLICIT, async served => {
    expect((await load(served, "b")).status).toBe(400);
    for (let i = 0; i < 4; i++) {
      expect((await served.call("GET", "/v2/models/b/ready")).status).toBe(400);
      const { json } = await served.call("POST", "/v2/repository/index", {});
      expect(json.find(({ name }: { name: string }) => name === "b")).toMatchObject({ state: "UNAVAILABLE" });
      expect(json.find(({ name }: { name: string }) => name === "b").reason).toContain("only one may");
    }
  });
  rmSync(marks, { recursive: true });
});

test("no worker publishes before all have loaded", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const [go, begun] = [join(marks, "go"), join(marks, "begun")];
  await withServer(javascriptModel("a", model(1)), EXPLICIT, async (served, folder) => {
    // One of them waits.
    const wait = `try { writeFileSync(${JSON.stringify(begun)}, "", { flag: "wx" }); } catch { return; }
      while (!existsSync(${JSON.stringify(go)})) await new Promise(next => setTimeout(next, 10));`;
    writeFileSync(join(folder, "a/1/model.mjs"), model(2, wait));
    const loading = load(served);
    await until("a load has begun", () => existsSync(begun));
    expect([...(await numbers(served)).values()]).toEqual([1, 1]);
    writeFileSync(go, "");
    expect((await loading).status).toBe(200);
    expect([...(await numbers(served)).values()]).toEqual([2, 2]);
  });
  rmSync(marks, { recursive: true });
});

test("a worker that dies while it loads does not hold up the load of the others", async () => {
  const marks = mkdtempSync(join(tmpdir(), "merlon-marks-"));
  const begun = join(marks, "begun");
  await withServer(javascriptModel("a", model(1)), EXPLICIT, async (served, folder) => {
    const wait = `try { writeFileSync(${JSON.stringify(begun)}, String(process.pid), { flag: "wx" }); } catch { return; } await new Promise(() => {});`;
    writeFileSync(join(folder, "a/1/model.mjs"), model(2, wait));
    const loading = load(served).catch((error: Error) => error);
    await until("a load has begun", () => existsSync(begun) && readFileSync(begun, "utf8") !== "");
    process.kill(Number(readFileSync(begun, "utf8")), "SIGKILL");
    const ended = await loading;
    // The client's own connection may have been to the one that died.
    if (!(ended instanceof Error)) expect(ended.status).toBe(200);
    await until("both have the new version", async () => {
      const now = await numbers(served).catch(() => new Map());
      return now.size === 2 && [...now.values()].every(number => number === 2);
    });
  });
  rmSync(marks, { recursive: true });
});

test("a poll brings all workers to what the repository has", async () => {
  const flags = ["--model-control-mode", "poll", "--repository-poll-secs", "1"];
  await withServer(javascriptModel("a", model(1)), flags, async (served, folder) => {
    writeFileSync(join(folder, "a/1/model.mjs"), model(2));
    await until("both have the new version", async () => {
      const seen = [...(await numbers(served)).values()];
      return seen.length === 2 && seen.every(number => number === 2);
    });
    rmSync(join(folder, "a"), { recursive: true });
    await until("it is gone in both", async () => {
      const answers = await Promise.all([1, 2, 3, 4].map(() => served.call("GET", "/v2/models/a/ready")));
      return answers.every(({ status }) => status === 400);
    });
  });
});

/** How a request ended: the numbers of its output, or the words of its error. */
type Ended = { readonly numbers: readonly number[] } | { readonly fault: string };

/** The same request by HTTP on fresh and on kept connections, and by gRPC on one channel. */
async function callers(served: Served, name: string, shape: readonly number[], data: readonly number[]) {
  const body = { inputs: [{ name: "IN", shape, datatype: "INT32", data }] };
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const client = await connect(`grpc://127.0.0.1:${served.grpc}`);
  const overHttp = async (kept: Agent | false): Promise<Ended> => {
    const { status, json, text } = await call(served.http, "POST", `/v2/models/${name}/infer`, body, kept);
    return status === 200 ? { numbers: json.outputs[0].data } : { fault: `${json?.error ?? text}` };
  };
  const overGrpc = async (): Promise<Ended> => {
    try {
      const { OUT } = await client.infer(name, { IN: { shape, datatype: "INT32", data: Int32Array.from(data) } });
      return { numbers: Array.from(OUT!.data as Int32Array) };
    } catch (error) {
      return { fault: (error as Error).message };
    }
  };
  return {
    all: [() => overHttp(false), () => overHttp(agent), overGrpc],
    close(): void {
      agent.destroy();
      client.close();
    },
  };
}

/** Requests in a loop of each kind of caller, while `change` makes its cycles. */
async function underTraffic(
  {
    served,
    name,
    shape,
    data,
    loops,
  }: { served: Served; name: string; shape: number[]; data: number[]; loops: number },
  isRight: (numbers: readonly number[], least: number) => boolean,
  change: (state: { latest: number; isDown: boolean }) => Promise<void>,
): Promise<{ readonly wrong: readonly string[]; readonly answered: readonly number[]; readonly refused: number }> {
  const state = { latest: 0, isDown: false };
  const { all, close } = await callers(served, name, shape, data);
  const answered = all.map(() => 0);
  const wrong: string[] = [];
  let [isOver, refused] = [false, 0];
  const loop = async (which: number): Promise<void> => {
    while (!isOver) {
      const { latest: least, isDown: wasDown } = state;
      const ended = await all[which]!();
      if ("numbers" in ended) {
        answered[which]!++;
        // The version at the begin of the request, or a newer one.
        if (!isRight(ended.numbers, least)) wrong.push(`${least}: ${ended.numbers}`);
      } else if ((wasDown || state.isDown) && UNLOADED.test(ended.fault)) refused++;
      else wrong.push(`${least}: ${ended.fault}`);
    }
  };
  const traffic = Promise.all(all.flatMap((_, which) => Array.from({ length: loops }, () => loop(which))));
  try {
    await change(state);
  } finally {
    isOver = true;
    await traffic;
    close();
  }
  return { wrong, answered, refused };
}

/** Words of Triton for a model that is unloaded, or a step's. */
const UNLOADED = /Request for unknown model: '(?:a|member|plan)' (?:has no available versions|is not found)/;

test(
  "loads and unloads under traffic: every answer is of one version, and none is lost",
  async () => {
    const cycles = CYCLES ?? 20;
    await withServer(javascriptModel("a", model(0)), EXPLICIT, async (served, folder) => {
      const { wrong, answered, refused } = await underTraffic(
        { served, name: "a", shape: [1], data: [1], loops: 2 },
        ([number], least) => number! >= least,
        async state => {
          for (let cycle = 1; cycle <= cycles; cycle++) {
            if (cycle % 4 === 0) {
              state.isDown = true;
              expect((await served.call("POST", "/v2/repository/models/a/unload", {})).status).toBe(200);
            }
            writeFileSync(join(folder, "a/1/model.mjs"), model(cycle));
            expect((await load(served)).status).toBe(200);
            state.latest = cycle;
            state.isDown = false;
          }
        },
      );
      expect(wrong).toEqual([]);
      for (const count of answered) expect(count).toBeGreaterThan(cycles / 2);
      expect(refused).toBeGreaterThan(0);
    });
  },
  PATIENCE_MS,
);

/** Adds its number to the row that it gets; its queue exists once, so the requests of all workers run in one. */
const adding = (number: number): string => `export const execute = async requests => {
  await new Promise(next => setTimeout(next, 2));
  return requests.map(({ inputs: { IN } }) =>
    ({ outputs: [{ name: "OUT", datatype: "INT32", shape: [1, IN.data.length + 1], data: [...IN.data, ${number}] }] }));
};`;
const MEMBER = `name: "member" backend: "javascript" max_batch_size: 1
  input [ { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "OUT" data_type: TYPE_INT32 dims: [ -1 ] } ]
  dynamic_batching { default_queue_policy { max_queue_size: 100 } }`;
const stepOf = (from: string, to: string): string =>
  `{ model_name: "member" model_version: -1 input_map { key: "IN" value: "${from}" } output_map { key: "OUT" value: "${to}" } }`;
const PLAN = `name: "plan" platform: "ensemble" max_batch_size: 1
  input [ { name: "IN" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "OUT" data_type: TYPE_INT32 dims: [ -1 ] } ]
  ensemble_scheduling { step [ ${["IN A", "A B", "B OUT"].map(one => stepOf(...(one.split(" ") as [string, string]))).join(", ")} ] }`;

test(
  "loads and unloads of a member under traffic: the steps of a request run in one version of it, in whichever worker",
  async () => {
    const cycles = CYCLES ?? 12;
    const files = {
      "member/config.pbtxt": MEMBER,
      "member/1/model.mjs": adding(0),
      "plan/config.pbtxt": PLAN,
      "plan/1/.keep": "",
    };
    const flags = ["--model-control-mode", "explicit", "--load-model", "plan", "--load-model", "member"];
    await withServer(files, flags, async (served, folder) => {
      const change = (what: string) => served.call("POST", `/v2/repository/models/member/${what}`, {});
      const { wrong, answered } = await underTraffic(
        { served, name: "plan", shape: [1, 1], data: [7], loops: 2 },
        ([seven, a, b, c], least) => seven === 7 && a! >= least && a === b && b === c,
        async state => {
          for (let cycle = 1; cycle <= cycles; cycle++) {
            if (cycle % 4 === 0) {
              state.isDown = true;
              expect((await change("unload")).status).toBe(200);
            }
            writeFileSync(join(folder, "member/1/model.mjs"), adding(cycle));
            expect((await change("load")).status).toBe(200);
            state.latest = cycle;
            state.isDown = false;
          }
        },
      );
      expect(wrong).toEqual([]);
      for (const count of answered) expect(count).toBeGreaterThan(cycles / 2);
    });
  },
  PATIENCE_MS,
);
