// Twenty good clients as a process of their own, ten over each protocol: `node good-clients.mjs HTTP_PORT GRPC_PORT`. A line `begin` on stdin
// starts a measurement, a line `end` prints it as JSON. Latencies count from the moment a request was due, so that a stall counts for all
// requests it delays.
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { httpConnection, request } from "./http1-client.mjs";
import { grpcConnection } from "./http2-client.mjs";
import { grpcEcho, INFER_HEAD, jsonEcho } from "./messages.mjs";
import { quantile } from "./quantile.mjs";

const CLIENTS = 20;
const INTERVAL_MS = 20;
const [http, grpc] = process.argv.slice(2).map(Number);
const clients = Array.from({ length: CLIENTS }, (_, i) => ({ due: 0, values: [i, -i, 1000 + i, 2 ** 20 + i] }));
const WINDOW_MS = 1000;
const ascending = (a, b) => a - b;
let samples = [];
let begun = 0;
let [wrong, failed] = [0, 0];

/** One client's calls over gRPC: true for its own bytes, false for others, undefined for none. */
function overGrpc({ values }) {
  const body = grpcEcho(values);
  const expected = Buffer.from(Int32Array.from(values).buffer);
  let connection;
  return async () => {
    if (!connection?.usable) connection = grpcConnection(grpc);
    const answer = await connection.call(INFER_HEAD, body).done;
    return answer.status === 0 ? answer.body.subarray(-16).equals(expected) : undefined;
  };
}

function overHttp({ values }) {
  const bytes = request("POST", "/v2/models/echo_int32/infer", {}, jsonEcho(values));
  const expected = `"data":[${values.join(",")}]`;
  let connection;
  return async () => {
    if (!connection?.usable) connection = httpConnection(http);
    const { status, body } = await connection.send(bytes);
    return status === 200 ? body.includes(expected) : undefined;
  };
}

async function live(client, call) {
  for (;;) {
    const wait = client.due - performance.now();
    if (wait > 0) await pause(wait);
    const right = await call();
    samples.push({ due: client.due, took: performance.now() - client.due });
    if (right === false) wrong++;
    // A refused connection returns at once.
    if (right === undefined) {
      failed++;
      await pause(5);
    }
    client.due += INTERVAL_MS;
  }
}

const begin = () => {
  samples = [];
  [wrong, failed] = [0, 0];
  const now = performance.now();
  begun = now;
  // Earlier due requests belong to the measurement before.
  for (const client of clients) while (client.due < now) client.due += INTERVAL_MS;
};
/** The p99 of each window of a second: a burst of other work on the machine spoils some of them, and not their median. */
function windows(all) {
  const byWindow = Map.groupBy(all, ({ due }) => Math.floor((due - begun) / WINDOW_MS));
  const isWhole = own => own.length >= (CLIENTS * WINDOW_MS) / INTERVAL_MS / 2;
  return [...byWindow.values()].filter(isWhole).map(own => quantile(own.map(({ took }) => took).sort(ascending), 0.99));
}
const end = () => {
  const now = performance.now();
  const late = clients.flatMap(({ due }) => {
    const missed = [];
    for (let at = due; at < now; at += INTERVAL_MS) missed.push({ due: at, took: now - at });
    return missed;
  });
  const all = [...samples, ...late];
  const took = all.map(one => one.took).sort(ascending);
  const at = q => quantile(took, q);
  const report = {
    sent: all.length,
    p50: at(0.5),
    p99: at(0.99),
    max: took.at(-1),
    wrong,
    failed,
    windows: windows(all),
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
};

for (const [i, client] of clients.entries()) {
  client.due = performance.now() + (i * INTERVAL_MS) / CLIENTS;
  void live(client, i % 2 ? overHttp(client) : overGrpc(client));
}
createInterface({ input: process.stdin })
  .on("line", line => (line === "begin" ? begin() : end()))
  .on("close", () => process.exit());
process.stdout.write("ready\n");
