/**
 * Sends requests to two models that share a resource, beyond its limit, and records the order in which Triton's rate limiter answers.
 *
 *   npx tsc -b && node tests/oracles/triton/rate-limiter.mjs "TRITONSERVER --backend-directory=FOLDER"
 *
 * TRITONSERVER is one of 2.73, built with HTTP and the identity back end. Writes `tests/fixtures/rate-limiter/orders.json`.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "#conformance/free-ports.js";

const [command] = process.argv.slice(2);
const OUT = fileURLToPath(new URL("../../fixtures/rate-limiter/orders.json", import.meta.url));

/** Each model: instances, what one takes of the resource, its priority, and its requests. The first of `a` precedes all others. */
const CASES = [
  {
    available: 4,
    a: { count: 1, takes: 4, priority: 1, requests: 16 },
    b: { count: 1, takes: 2, priority: 2, requests: 16 },
  },
  {
    available: 4,
    a: { count: 1, takes: 4, priority: 1, requests: 12 },
    b: { count: 1, takes: 4, priority: 3, requests: 12 },
  },
  {
    available: 4,
    a: { count: 1, takes: 4, priority: 1, requests: 6 },
    b: { count: 2, takes: 2, priority: 1, requests: 12 },
  },
];

const config = ({ count, takes, priority }) => `backend: "identity" max_batch_size: 1
input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [1] } ]
output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [1] } ]
parameters [ { key: "execute_delay_ms" value { string_value: "150" } } ]
instance_group [ { kind: KIND_CPU count: ${count} rate_limiter { priority: ${priority} resources [ { name: "R" global: true count: ${takes} } ] } } ]`;

async function orderOf(one) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-limiter-"));
  for (const name of ["a", "b"]) {
    mkdirSync(join(folder, name, "1"), { recursive: true });
    writeFileSync(join(folder, name, "config.pbtxt"), config(one[name]));
  }
  const port = await freePort();
  const [program, ...flags] = command.split(" ");
  const server = spawn(program, [
    ...flags,
    ...[`--model-repository=${folder}`, `--http-port=${port}`, "--allow-grpc=false", "--allow-metrics=false"],
    ...["--rate-limit=execution_count", `--rate-limit-resource=R:${one.available}`],
  ]);
  server.on("exit", code => code !== 0 && process.exit(1));
  const ready = () =>
    fetch(`http://127.0.0.1:${port}/v2/health/ready`).then(
      answer => answer.ok,
      () => false,
    );
  while (!(await ready())) await delay(100);
  const body = JSON.stringify({ inputs: [{ name: "INPUT0", datatype: "FP32", shape: [1, 1], data: [1] }] });
  let order = "";
  const send = async name => {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/models/${name}/infer`, { method: "POST", body });
    await answer.text();
    order += name;
  };
  const sent = [send("a")];
  await delay(50);
  for (const name of ["a", "b"]) for (let i = Number(name === "a"); i < one[name].requests; i++) sent.push(send(name));
  await Promise.all(sent);
  server.kill("SIGINT");
  return { ...one, order };
}

const orders = [];
for (const one of CASES) orders.push(await orderOf(one));
mkdirSync(dirname(OUT), { recursive: true });
writeFileSync(OUT, `${JSON.stringify(orders, null, 1)}\n`);
process.exit(0);
