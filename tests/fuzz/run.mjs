/**
 * Fuzzes a running server: a number of mutated requests per protocol, from a seed → the outcomes.
 */
import { gzipSync } from "node:zlib";
import { mutatedConnection, sendConnection } from "./frames.mjs";
import { mutateBytes, mutateValue, randomFrom } from "./mutate.mjs";
import { grpcSeeds, httpSeeds } from "./seeds.mjs";
import { grpcSender, httpSender } from "./send.mjs";

const LOOPS = 16;
const LENGTHS = ["-1", "0", "1", "99999999999", "1e3", "", "abc", "2147483648"];

function httpRequest(seeds, random) {
  const seed = random.pick(seeds);
  const { method, path, headers, json, tail } = seed;
  const named = { ...headers };
  let body = seed.body;
  const kind = random.below(10);
  if (kind < 5 && json !== undefined) {
    const text = Buffer.from(JSON.stringify(mutateValue(json, random)));
    body = Buffer.concat([text, tail]);
    for (const name of Object.keys(named))
      if (/^inference-header-content-length$/i.test(name)) named[name] = String(text.length);
  } else if (kind < 7) body = mutateBytes(body, random);
  else if (kind === 7) named["Inference-Header-Content-Length"] = random.pick(LENGTHS);
  else if (kind === 8) {
    body = random.below(2) ? gzipSync(body) : body;
    if (random.below(2)) body = mutateBytes(body, random);
    named["Content-Encoding"] = random.pick(["gzip", "deflate", "br", "identity"]);
  }
  const spelled =
    kind === 9 ? encodeURI(mutateBytes(Buffer.from(path), random).toString("latin1")).replace(/[\s]/g, "") : path;
  for (const name of Object.keys(named))
    if (/^(content-length|host|transfer-encoding)$/i.test(name)) delete named[name];
  return {
    method,
    path: spelled.startsWith("/") ? spelled : `/${spelled}`,
    headers: { ...named, "content-length": String(body.length) },
    body,
  };
}

const httpBytes = ({ method, path, headers, body }) =>
  Buffer.concat([
    Buffer.from(
      `${method} ${path} HTTP/1.1\r\nHost: fuzz\r\nConnection: close\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("")}\r\n`,
      "latin1",
    ),
    body,
  ]);

const framed = (message, flag = 0, length = message.length) => {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([head, message]);
};

function grpcRequest(seeds, random) {
  const { path, request, encode } = random.pick(seeds);
  const kind = random.below(10);
  const headers = {};
  let message = encode(request ?? {});
  if (kind < 5)
    try {
      message = encode(mutateValue(request ?? {}, random));
    } catch {
      // The value is not such a message: its bytes are mutated instead.
      message = mutateBytes(message, random);
    }
  else if (kind < 8) message = mutateBytes(message, random);
  if (kind === 8) {
    headers["grpc-encoding"] = random.pick(["gzip", "deflate", "snappy", "identity"]);
    message = random.below(2) ? gzipSync(message) : message;
  }
  if (random.below(20) === 0) headers["grpc-timeout"] = random.pick(["1n", "1000H", "99999999S", "x", "0m", "-1S"]);
  if (kind === 9 && random.below(2)) return { path, headers, frame: mutateBytes(framed(message), random) };
  const flag = kind === 8 || random.below(50) === 0 ? 1 : 0;
  const length =
    random.below(50) === 0 ? random.pick([0, 1, 2 ** 31, 2 ** 32 - 1, message.length + 1]) : message.length;
  return { path, headers, frame: framed(message, flag, length) };
}

/**
 * @param server as `startFuzzed` answers it
 * @param options The options are `count` requests for each protocol, `seed`, `patience` in ms, `only` for one protocol, and `check`. The
 * last sends a valid request, and throws if the response is wrong.
 * @returns for each protocol: statuses counted, the slowest answer in ms, requests that were not answered, and the memory at 41 moments
 */
export async function fuzz(server, { count, seed, patience, check, only = "", onProgress = () => {} }) {
  const report = {};
  const protocols = { http: httpSeeds(), grpc: grpcSeeds(), frames: grpcSeeds() };
  for (const [protocol, seeds] of Object.entries(protocols)) {
    if (only && only !== protocol) continue;
    const random = randomFrom(seed);
    const http = httpSender(server.http, patience);
    const grpc = grpcSender(server.grpc, patience);
    const statuses = {};
    const silent = [];
    const memory = [];
    let [sent, slowest] = [0, 0];
    const one = async () => {
      const started = performance.now();
      let answering;
      if (protocol === "grpc") answering = grpc.send(grpcRequest(seeds, random));
      else if (protocol === "frames")
        answering = sendConnection(server.grpc, mutatedConnection(seeds, random), patience);
      else {
        const request = httpRequest(seeds, random);
        // Every fifth is sent as bytes, mutated once more, on a connection of its own.
        answering = random.below(5) ? http.well(request) : http.raw(mutateBytes(httpBytes(request), random));
      }
      try {
        const status = await answering;
        statuses[status] = (statuses[status] ?? 0) + 1;
      } catch (error) {
        silent.push(error.message);
      }
      slowest = Math.max(slowest, performance.now() - started);
    };
    const loop = async () => {
      while (sent < count) {
        const mine = sent++;
        await one();
        if (mine % Math.ceil(count / 40) === 0) {
          memory.push({ sent: mine, ...(await server.memory()) });
          onProgress(protocol, mine);
          await check();
        }
      }
    };
    await Promise.all(Array.from({ length: LOOPS }, loop));
    await check();
    memory.push({ sent: count, ...(await server.memory()) });
    http.close();
    grpc.close();
    report[protocol] = {
      seeds: seeds.length,
      sent: count,
      statuses,
      slowest,
      silent,
      memory,
    };
  }
  return report;
}
