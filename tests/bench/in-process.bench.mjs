// One request through the data plane without a network: identity, a JavaScript model and three-step ensembles of each, wall and CPU time per
// request. Two builds alternate where --beside names the `dist` of another: `node tests/bench/in-process.bench.mjs --beside ../before/dist`.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { merlonRepository, SMALL } from "./server/models.mjs";

const { values } = parseArgs({
  options: {
    beside: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    "in-flight": { type: "string", default: "1,8" },
    models: { type: "string", default: "identity,three_steps,scripted,three_scripts" },
    "cpu-prof": { type: "string" },
    child: { type: "string" },
    repository: { type: "string" },
  },
});
const MODELS = values.models.split(",");
const LEVELS = values["in-flight"].split(",").map(Number);

/** Serves a repository with the build `dist`, and measures on the parent's requests. */
async function measureForParent(dist, repository) {
  const at = path => import(pathToFileURL(join(dist, path)).href);
  const [{ serve }, { execute }, { validateRequest }] = await Promise.all([
    at("runtime/server/lifecycle/server.js"),
    at("runtime/server/requests/infer.js"),
    at("runtime/server/requests/validate.js"),
  ]);
  let registry;
  const layer = { registry: made => (registry = made) };
  const server = await serve({
    ...{ modelRepositories: [repository], http: false, grpc: false, metrics: false, middleware: [layer] },
    writeLog() {},
  });
  const ask = model => {
    const version = registry.find(model, -1);
    const request = {
      id: "",
      parameters: new Map(),
      inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, SMALL], data: new Uint8Array(4 * SMALL) }],
      outputs: [],
    };
    return execute(version, request, validateRequest(version.config, request));
  };
  process.on("message", async ({ model, inFlight, seconds }) => {
    if (!model) {
      await server.stop();
      return process.disconnect();
    }
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const until = started + 1000 * seconds;
    let count = 0;
    const client = async () => {
      while (performance.now() < until) {
        await ask(model);
        count++;
        // As a transport does: the event loop turns between requests.
        await new Promise(setImmediate);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, client));
    const { user, system } = process.cpuUsage(cpu);
    process.send({ wall: (1000 * (performance.now() - started)) / count, cpu: (user + system) / count });
  });
  process.send("ready");
}

const answerOf = child => new Promise(done => child.once("message", done));
const median = numbers => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-bench-"));
  const repository = merlonRepository(folder);
  const dists = [fileURLToPath(new URL("../../dist", import.meta.url))];
  if (values.beside) dists.unshift(resolve(values.beside));
  const children = [];
  try {
    for (const dist of dists) {
      const execArgv = values["cpu-prof"] ? ["--cpu-prof", `--cpu-prof-dir=${values["cpu-prof"]}`] : [];
      const child = fork(fileURLToPath(import.meta.url), ["--child", dist, "--repository", repository], { execArgv });
      children.push(child);
      await answerOf(child);
    }
    const ask = (child, model, inFlight, seconds) => {
      child.send({ model, inFlight, seconds });
      return answerOf(child);
    };
    const rows = [];
    for (const model of MODELS)
      for (const inFlight of LEVELS) {
        const results = children.map(() => []);
        for (const child of children) await ask(child, model, inFlight, 1);
        for (let round = 0; round < Number(values.rounds); round++)
          for (const i of round % 2 ? [...children.keys()].reverse() : children.keys())
            results[i].push(await ask(children[i], model, inFlight, Number(values.seconds)));
        const first = key => median(results[0].map(one => one[key]));
        for (const [i, runs] of results.entries()) {
          const of = key => median(runs.map(one => one[key]));
          const ratio = key => (i > 0 ? (of(key) / first(key)).toFixed(2) : "");
          const build = children.length === 1 || i > 0 ? "this" : "beside";
          rows.push([
            ...[model, inFlight, build, of("wall").toFixed(1), of("cpu").toFixed(1)],
            ...[ratio("wall"), ratio("cpu")],
          ]);
        }
      }
    table(["model", ">in flight", "build", ">wall µs", ">CPU µs", ">wall ×", ">CPU ×"], rows, "");
  } finally {
    for (const child of children) if (child.connected) child.send({});
    await Promise.all(
      children.map(child => new Promise(done => (child.exitCode === null ? child.once("exit", done) : done()))),
    );
    rmSync(folder, { recursive: true, force: true });
  }
}

await (values.child ? measureForParent(values.child, values.repository) : main());
