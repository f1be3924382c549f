// Cold workers: `npm run bench:cold`. It measures the shop's first requests after a start, after a swap of versions, and after a minute of
// load: p50, p99 and CPU time. It prints the time of the start, too. Each series of requests has a connection of its own. The load
// generator is h2load, in C. Nothing is asserted, since machines differ.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { table } from "../../scripts/demo/terminal.mjs";
import { median } from "../stress/figures.mjs";
import { answerBytes, load, requireH2load } from "./server/load.mjs";
import { grpcCall } from "./server/models.mjs";
import { startMerlon } from "./server/processes.mjs";

const HELP = `usage: npm run bench:cold -- [options]
  --rounds N      servers that are started with each set of flags, alternating (5)
  --requests N    first requests (2000)
  --settle N      seconds of load before the state that they are compared with (60)
  --in-flight N   connections with a request each (1)
  --workers N     (2)
  --flags WORDS   a further set of flags of \`merlon serve\`, repeatable
  --beside DIST   another built tree, whose root this is
  --short         one round of ten seconds`;
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "2000" },
    settle: { type: "string", default: "60" },
    "in-flight": { type: "string", default: "1" },
    workers: { type: "string", default: "2" },
    flags: { type: "string", multiple: true, default: [] },
    beside: { type: "string" },
    short: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const [ROUNDS, SETTLE] = values.short ? [1, 10] : [Number(values.rounds), Number(values.settle)];
const [REQUESTS, IN_FLIGHT, WORKERS] = [values.requests, values["in-flight"], values.workers].map(Number);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "cold-"));

function repository(name) {
  const folder = join(scratch, name);
  mkdirSync(folder);
  for (const model of ["recommend", "recommend_dlrm", "recommend_query_tower"])
    cpSync(join(ROOT, "model-repo", model), join(folder, model), { recursive: true });
  return folder;
}

function shopRequest() {
  const body = join(scratch, "shop.body");
  const inputs = [{ name: "user_id", datatype: "INT64", shape: [1, 1] }];
  const raw_input_contents = [Buffer.from(BigInt64Array.of(512300022n).buffer)];
  writeFileSync(body, grpcCall({ model_name: "recommend", inputs, raw_input_contents }));
  return body;
}

async function loadModel(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/v2/repository/models/recommend/load`, { method: "POST" });
  if (answer.status !== 200) throw new Error(`load: ${answer.status} ${await answer.text()}`);
}

/** One server. @returns what the requests took after the start, after the swap, and when it had settled, and its start */
async function measure(models, body, { root, flags }) {
  const control = ["--model-control-mode=explicit", "--load-model=recommend"];
  const server = await startMerlon(models, { root, workers: WORKERS, flags: [...control, ...flags] });
  const { readyMs, readyCpuMs } = server;
  const path = "/inference.GRPCInferenceService/ModelInfer";
  const headers = { "content-type": "application/grpc", te: "trailers" };
  const target = { url: `http://127.0.0.1:${server.grpc}${path}`, body, headers, http1: false };
  const run = given => load(target, server.pid, { scratch, least: 1, inFlight: IN_FLIGHT, ...given });
  const started = await run({ requests: REQUESTS });
  const least = 0.9 * (await answerBytes(target));
  // As many connections as reach each worker.
  await run({ seconds: SETTLE, inFlight: 4 * WORKERS, least });
  const settled = await run({ requests: REQUESTS, least });
  cpSync(join(models, "recommend", "1"), join(models, "recommend", "2"), { recursive: true });
  const swapping = performance.now();
  await loadModel(server.http);
  const swapMs = performance.now() - swapping;
  const swapped = await run({ requests: REQUESTS, least });
  rmSync(join(models, "recommend", "2"), { recursive: true });
  await server.stop();
  return { readyMs, readyCpuMs, swapMs, started, settled, swapped };
}

requireH2load();
const body = shopRequest();
const sets = [
  { name: "as it is", root: ROOT, flags: [] },
  ...values.flags.map(words => ({ name: words, root: ROOT, flags: words.split(" ") })),
  ...(values.beside ? [{ name: "beside", root: values.beside, flags: [] }] : []),
];
const found = sets.map(() => []);
for (let i = 0; i < ROUNDS; i++)
  for (const [place, set] of sets.entries()) found[place].push(await measure(repository(`${i}-${place}`), body, set));

const rows = sets.flatMap(({ name }, place) => {
  const rounds = found[place];
  return ["started", "swapped", "settled"].map(state => {
    const middle = key => median(rounds.map(one => one[state][key]));
    const ratio = key => `${median(rounds.map(one => one[state][key] / one.settled[key])).toFixed(2)} ×`;
    const cells = ["p50", "p99"].flatMap(key => [middle(key).toFixed(2), ratio(key)]);
    return [name, state, ...cells, middle("cpu").toFixed(0), ratio("cpu")];
  });
});
console.log(`\n${REQUESTS} requests, ${IN_FLIGHT} in flight, ${WORKERS} workers; settled: after ${SETTLE} s of load`);
table(["flags", "state", ">p50 ms", ">ratio", ">p99 ms", ">ratio", ">µs CPU", ">ratio"], rows);
console.log("");
table(
  ["flags", ">ready ms", ">ready CPU ms", ">swap ms"],
  sets.map(({ name }, place) => [
    name,
    ...["readyMs", "readyCpuMs", "swapMs"].map(key => median(found[place].map(one => one[key])).toFixed(0)),
  ]),
);
rmSync(scratch, { recursive: true });
