// `npm run test:recordings` tests recordings at the size at which people have them. It records random requests (users, seeds, parameters, versions,
// outputs, repeats) over gRPC and HTTP, and sends them to the same server by `merlon diff`. Then it records large tensors, and replays them to a
// client that compares each. It ends with 1 if a response differs, or if the replay holds more memory than it may.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomFrom } from "../tests/fuzz/mutate.mjs";
import { peakMb } from "../tests/scorecard/support/proc.mjs";
import "./own-node.mjs";
import { table } from "./demo/terminal.mjs";
import { ROOT } from "./setup.mjs";

const HELP = `usage: npm run test:recordings -- [options]
  --requests N    random requests that are recorded and compared (10000)
  --megabytes N   of large tensors that are recorded and replayed; the temporary folder holds them (2048)
  --seed N        of the random requests (1)
`;
const MERLON = join(ROOT, "dist", "bin", "merlon.cjs");
/** A repetition is exactly an earlier request. */
const REPEATED = 0.1;
/** Bytes of a large tensor. */
const LARGE = 2 ** 20;
/** Megabytes that a server may hold for a recording of any size. */
const MOST_MB = 200;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "10000" },
    megabytes: { type: "string", default: "2048" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** A command of Merlon. @returns `{ pid, found(pattern), ended, text(), stop(signal) }` */
function merlon(...words) {
  const child = spawn(process.execPath, [MERLON, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const watching = new Set();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", chunk => {
      text = (text + chunk).slice(-100_000);
      for (const look of watching) look();
    });
  const ended = new Promise(done => child.once("exit", code => done(code ?? 1)));
  return {
    pid: child.pid,
    ended,
    text: () => text,
    found: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text);
          if (match) resolve(match[1]);
        };
        watching.add(look);
        look();
        void ended.then(() => reject(new Error(`merlon ${words[0]} ended:\n${text.slice(-2000)}`)));
      }),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

async function serve(...words) {
  const ports = ["--http-port=0", "--grpc-port=0", "--metrics-port=0"];
  const server = merlon(
    "serve",
    "--workers=1",
    "--http-address=127.0.0.1",
    "--grpc-address=127.0.0.1",
    ...ports,
    ...words,
  );
  const http = await server.found(/HTTPService at [^:]*:(\d+)/);
  return { ...server, http, grpc: await server.found(/GRPCInferenceService at [^:]*:(\d+)/) };
}

async function record({ http, grpc }, out) {
  const to = ["--target", `127.0.0.1:${grpc}`, "--target-http", `http://127.0.0.1:${http}`];
  const recorder = merlon("record", ...to, "--out", out);
  const port = await recorder.found(/HTTP 127\.0\.0\.1:(\d+)/);
  return { ...recorder, http: port, grpc: await recorder.found(/gRPC 127\.0\.0\.1:(\d+)/) };
}

/** @returns `[model, inputs, options]` of a call of `merlon/client`; the server refuses one in thirty, whose version it does not have */
function randomRequest(next) {
  const user = 512300022n + BigInt(Math.floor(next() * 50)) * 1000n;
  const parameters = { seed: Math.floor(next() * 1000), ...(next() < 0.3 && { note: `n${Math.floor(next() * 9)}` }) };
  const version = next() < 0.1 ? { version: next() < 0.3 ? 9 : 1 } : {};
  const id = next() < 0.3 ? { id: `r${Math.floor(next() * 1e6)}` } : {};
  const outputs = next() < 0.3 ? { outputs: ["ordered_ids"] } : {};
  return ["recommend", { user_id: [[user]] }, { parameters, ...version, ...id, ...outputs }];
}

async function compareRandom(connect, folder, count, seed) {
  const out = join(folder, "random.cassette");
  const server = await serve("--model-repository", join(ROOT, "model-repo"));
  const recorder = await record(server, out);
  const { next } = randomFrom(seed);
  const clients = [
    await connect(`grpc://127.0.0.1:${recorder.grpc}`),
    await connect(`http://127.0.0.1:${recorder.http}`),
  ];
  const sent = [];
  let refused = 0;
  for (let i = 0; i < count; i++) {
    const request = i > 0 && next() < REPEATED ? sent[Math.floor(next() * sent.length)] : randomRequest(next);
    sent.push(request);
    await clients[next() < 0.5 ? 0 : 1].infer(...request).catch(() => refused++);
  }
  for (const client of clients) await client.close();
  const kept = await recorder.stop("SIGINT");
  const diff = merlon("diff", out, `127.0.0.1:${server.grpc}`);
  const code = await diff.ended;
  await server.stop();
  const line = diff.text().trim().split("\n").at(-1);
  return { ok: kept === 0 && code === 0, rows: [["random requests", `${count}, ${refused} of them refused`, line]] };
}

/** Sends tensors of numbers that the seed gives. @returns how many responses differ or are missing */
async function echoes(connect, port, count, seed) {
  const { next } = randomFrom(seed);
  const client = await connect(`grpc://127.0.0.1:${port}`);
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const data = new Float32Array(LARGE / 4);
    for (let at = 0; at < data.length; at += 64) data[at] = next();
    const answer = await client
      .infer("identity_1mb", { INPUT0: { data, shape: [1, data.length] } })
      .catch(() => undefined);
    if (!answer || Buffer.compare(bytesOf(answer.OUTPUT0.data), bytesOf(data)) !== 0) wrong++;
  }
  await client.close();
  return wrong;
}

async function replayLarge(connect, folder, megabytes, seed) {
  const out = join(folder, "large.cassette");
  const count = Math.ceil((megabytes * 2 ** 20) / (2 * LARGE));
  const models = await import("../tests/bench/server/models.mjs");
  const server = await serve("--model-repository", models.merlonRepository(join(folder, "models")));
  const recorder = await record(server, out);
  await echoes(connect, recorder.grpc, count, seed);
  const recorderMb = peakMb(recorder.pid);
  const kept = await recorder.stop("SIGINT");
  await server.stop();
  const size = statSync(out).size / 2 ** 20;
  const replay = await serve("--replay", out);
  const wrong = await echoes(connect, replay.grpc, count, seed);
  const replayMb = peakMb(replay.pid);
  await replay.stop();
  const rows = [
    ["cassette", `${size.toFixed(0)} MB`, `${count} requests; the recorder held ${recorderMb.toFixed(0)} MB at most`],
    ["replay", `${replayMb.toFixed(0)} MB at most`, `${wrong} of ${count} responses differ; bar ${MOST_MB} MB`],
  ];
  return { ok: kept === 0 && wrong === 0 && replayMb <= MOST_MB, rows };
}

const bytesOf = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

async function main() {
  const [requests, megabytes, seed] = ["requests", "megabytes", "seed"].map(name => Number(values[name]));
  for (const [name, value] of Object.entries({ requests, megabytes, seed }))
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} is a whole number from 1 on`);
  const { connect } = await import("../dist/runtime/client/index.js");
  const folder = mkdtempSync(join(tmpdir(), "merlon-recordings-"));
  try {
    const parts = [
      await compareRandom(connect, folder, requests, seed),
      await replayLarge(connect, folder, megabytes, seed),
    ];
    table(
      ["part", "size", "found"],
      parts.flatMap(({ rows }) => rows),
    );
    process.exitCode = parts.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (values.help) process.stdout.write(HELP);
else
  await main().catch(error => {
    process.stderr.write(`npm run test:recordings stopped: ${error.message}\n`);
    process.exitCode = 1;
  });
