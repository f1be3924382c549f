// Looks for mixed answers: `npm run soak:mixed`. Two hundred connections send requests whose answers hold their own unique bytes, while calls are
// cancelled and connections are reset and left. Ends with 1 if a response holds other bytes, or undisturbed calls fail.
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { randomFrom } from "../fuzz/mutate.mjs";
import { httpConnection, request } from "../scorecard/support/http1-client.mjs";
import { grpcConnection } from "../scorecard/support/http2-client.mjs";
import { grpcCalc, grpcEcho, INFER_HEAD, jsonCalc, jsonEcho } from "../scorecard/support/messages.mjs";
import { startMeasured } from "../scorecard/support/server-process.mjs";

const CONNECTIONS = 200;
const HELP = `usage: npm run soak:mixed -- [options]
  --requests N   verified answers (1000000)
  --seed N       of requests and disturbances (1)`;

/** Numbers that no other request of the run has. */
const valuesOf = number => [number, ~number, number ^ 0x55555555, (number * 2654435761) | 0].map(value => value | 0);
const int32 = values => Buffer.from(Int32Array.from(values).buffer);
/** Whole numbers below 2^23, which float32 holds with their sums. */
const floatsOf = number => [0, 1, 2, 3].map(i => (number * 4 + i) % 2 ** 22);
const float32 = values => Buffer.from(Float32Array.from(values).buffer);

/** A request of one of two models and its expected response, on either protocol. */
export function drawCase(number, isGrpc, isOnnx) {
  if (isOnnx) {
    const left = floatsOf(number);
    const right = floatsOf(number * 7 + 13);
    const sum = left.map((value, i) => value + right[i]);
    const difference = left.map((value, i) => value - right[i]);
    if (isGrpc) {
      const [first, second] = [float32(sum), float32(difference)];
      return { body: grpcCalc(left, right), isRight: answer => answer.includes(first) && answer.includes(second) };
    }
    return { path: "calc_fp32", body: jsonCalc(left, right), isRight: answer => holds(answer, sum, difference) };
  }
  const values = valuesOf(number);
  const bytes = int32(values);
  return isGrpc
    ? { body: grpcEcho(values), isRight: answer => answer.subarray(-16).equals(bytes) }
    : { path: "echo_int32", body: jsonEcho(values), isRight: answer => holds(answer, values) };
}

/** True if the JSON's outputs hold these numbers, in any order of outputs. */
function holds(answer, ...expected) {
  const { outputs } = JSON.parse(answer.toString("utf8"));
  return expected.every(values => outputs.some(({ data }) => values.every((value, i) => data[i] === value)));
}

/**
 * @param options `requests` to verify, `seed`, `onProgress`
 * @returns `{ verified, mixed, failed, cancelled, reset, left, seconds, pending, memory, ended }`: `mixed` holds the first wrong answers, `memory`
 *   the resident megabytes at forty moments, each after a collection
 */
export async function soakMixed({ requests, seed, onProgress = () => {}, server: given }) {
  const server = given ?? (await startMeasured({ models: ["echo_int32", "calc_fp32"] }));
  const random = randomFrom(seed);
  const counts = { verified: 0, failed: 0, cancelled: 0, reset: 0, left: 0 };
  const mixed = [];
  const faults = [];
  const memory = [];
  const started = performance.now();
  let next = 0;
  const step = Math.max(1, Math.floor(requests / 40));
  const note = (right, what) => {
    if (!right) mixed.push(what);
    if (++counts.verified % step === 0) {
      memory.push(afterCollection(server));
      onProgress(counts);
    }
  };
  const fail = what => {
    counts.failed++;
    if (faults.length < 10) faults.push(what);
  };

  /** One connection's life: several calls in flight over gRPC, some of them cancelled, until it is left or reset. */
  const grpcLoop = async () => {
    while (counts.verified < requests && !server.ended()) {
      const connection = grpcConnection(server.grpc);
      for (let round = 0, rounds = 1 + random.below(100); round < rounds && counts.verified < requests; round++) {
        if (!connection.usable) break;
        const calls = Array.from({ length: 1 + random.below(4) }, () => {
          const number = next++;
          const one = drawCase(number, true, random.below(3) === 0);
          const call = connection.call(INFER_HEAD, one.body);
          const isCancelled = random.below(20) === 0;
          if (isCancelled) setTimeout(call.cancel, random.below(4));
          return { number, one, call, isCancelled };
        });
        const isLast = round === rounds - 1;
        const leaves = isLast && random.below(2) === 0;
        if (leaves) {
          const isReset = random.below(2) === 0;
          counts[isReset ? "reset" : "left"]++;
          setTimeout(() => connection.destroy(isReset), random.below(4));
        }
        for (const { number, one, call, isCancelled } of calls) {
          const { status, body } = await call.done;
          if (status === 0)
            note(one.isRight(body), { number, protocol: "gRPC", answer: body.toString("hex").slice(0, 400) });
          else if (isCancelled) counts.cancelled++;
          else if (!leaves) fail(`gRPC status ${status}`);
        }
      }
      connection.destroy();
    }
  };
  const httpLoop = async () => {
    while (counts.verified < requests && !server.ended()) {
      const connection = httpConnection(server.http);
      for (let round = 0, rounds = 1 + random.below(100); round < rounds && counts.verified < requests; round++) {
        if (!connection.usable) break;
        const number = next++;
        const { path, body, isRight } = drawCase(number, false, random.below(3) === 0);
        let bytes = request("POST", `/v2/models/${path}/infer`, {}, body);
        const leaves = round === rounds - 1 && random.below(2) === 0;
        if (leaves) {
          const isReset = random.below(2) === 0;
          counts[isReset ? "reset" : "left"]++;
          // In the middle of the request, or while its answer is computed.
          if (random.below(2)) bytes = bytes.subarray(0, 1 + random.below(bytes.length));
          setTimeout(() => connection.destroy(isReset), random.below(4));
        }
        const answer = await connection.send(bytes);
        if (answer.status === 200)
          note(isRight(answer.body), {
            number,
            protocol: "HTTP",
            answer: answer.body.toString("latin1").slice(0, 400),
          });
        else if (!leaves) fail(`HTTP ${answer.status}: ${answer.body.toString("utf8").slice(0, 200)}`);
      }
      connection.destroy();
    }
  };
  try {
    await Promise.race([
      Promise.all(Array.from({ length: CONNECTIONS }, (_, i) => (i % 2 ? httpLoop() : grpcLoop()))),
      server.exited,
    ]);
    const seconds = (performance.now() - started) / 1000;
    const pending = server.ended() ? undefined : await pendingRequests(server);
    const readings = (await Promise.all(memory)).filter(one => one !== undefined);
    return { ...counts, mixed, faults, memory: readings, seconds, pending, ended: server.ended() };
  } finally {
    if (!given) await server.stop();
  }
}

/** Garbage is left out: how much of it is there depends on the moment. Undefined once the server has ended. */
const afterCollection = server =>
  server.ask("collect").then(
    ({ rss }) => rss / 2 ** 20,
    () => undefined,
  );

/** Requests that the server still counts as waiting, after all clients have stopped. */
export async function pendingRequests({ metrics }) {
  for (let i = 0; ; i++) {
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const sum = [...text.matchAll(/^nv_inference_pending_request_count\{[^}]*\} (\d+)/gm)].reduce(
      (total, [, n]) => total + Number(n),
      0,
    );
    if (sum === 0 || i === 20) return sum;
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

async function main() {
  const { values } = parseArgs({
    options: {
      requests: { type: "string", default: "1000000" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void process.stdout.write(`${HELP}\n`);
  const report = await soakMixed({
    requests: Number(values.requests),
    seed: Number(values.seed),
    onProgress: ({ verified, failed }) => process.stdout.write(`${verified} verified, ${failed} failed\n`),
  });
  const { verified, mixed, failed, faults, cancelled, reset, left, seconds, pending, memory, ended } = report;
  process.stdout.write(
    `${verified} answers verified at ${CONNECTIONS} connections in ${seconds.toFixed(0)} s (${(verified / seconds).toFixed(0)} a second), ${mixed.length} mixed; ` +
      `${cancelled} calls cancelled, ${reset} connections reset, ${left} left; ${failed} failed; ${pending} pending at the end; ` +
      `resident ${memory[Math.floor(memory.length / 2)]?.toFixed(0)} MB half way, ${memory.at(-1)?.toFixed(0)} MB at the end; seed ${values.seed}\n`,
  );
  for (const one of mixed.slice(0, 10)) process.stdout.write(`  mixed: ${JSON.stringify(one)}\n`);
  for (const fault of faults) process.stdout.write(`  failed: ${fault}\n`);
  if (ended) process.stdout.write(`  the server ended: ${ended}\n`);
  if (mixed.length > 0 || failed > 0 || pending !== 0 || ended) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
