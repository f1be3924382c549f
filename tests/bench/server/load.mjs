/**
 * The load generator: nghttp2's h2load against one URL → answers a second, latencies, and the CPU time the server took for them.
 */
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { decode } from "../../../dist/triton-protos/proto-root.js";
import { quantile, sorted } from "../../stress/figures.mjs";
import { cpuSeconds, threadMicroseconds } from "./processes.mjs";

export function requireH2load() {
  if (spawnSync("h2load", ["--version"]).status !== 0)
    throw new Error("h2load was not found; it measures all servers alike. Install it: apt-get install nghttp2-client");
}

/** Sends one request, and requires a response with a tensor in it. @returns bytes of the answer's body */
export async function answerBytes({ url, body, headers, http1 }) {
  const bytes = readFileSync(body);
  const { host, pathname } = new URL(url);
  if (http1) {
    const answer = await fetch(url, { method: "POST", headers, body: bytes });
    // A binary response is not text.
    const answered = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200 || !answered.includes('"outputs"'))
      throw new Error(`${url}: ${answer.status} ${answered.subarray(0, 500)}`);
    return answered.length;
  }
  const client = new grpc.Client(host, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
  });
  const same = message => message;
  const answer = await new Promise((resolve, reject) =>
    client.makeUnaryRequest(pathname, same, same, bytes.subarray(5), (error, message) =>
      error ? reject(error) : resolve(message),
    ),
  );
  client.close();
  const { raw_output_contents } = decode("inference.ModelInferResponse", answer);
  if (!raw_output_contents[0]?.length) throw new Error(`${url}: the answer has no tensor in it`);
  return answer.length + 5;
}

/**
 * @param target `{ url, body (a file), headers, http1 }`
 * @param least bytes of an answer's body: h2load does not look at gRPC's status, but an error has no body
 * @param pid the server's process, whose CPU time is counted with that of its children; several, if servers share the port
 * @param core the only core that the generator runs on; undefined for any
 * @param requests how many are sent, in place of a time
 * @returns answers rate per second, milliseconds at p50 and p99, and microseconds of CPU per response: `cpu` of all threads, `loop` of the main one
 */
export async function load(
  { url, body, headers, http1 },
  pid,
  { inFlight, seconds = 0, requests, scratch, least, core },
) {
  const log = join(scratch, "h2load.log");
  rmSync(log, { force: true });
  const pids = [pid].flat();
  const sum = of => pids.reduce((total, one) => total + of(one), 0);
  const before = sum(cpuSeconds);
  const loopBefore = sum(one => threadMicroseconds(one, one));
  const pinned = core === undefined ? [] : ["taskset", "-c", String(core)];
  const [command, ...words] = [...pinned, "h2load"];
  const { stdout } = await promisify(execFile)(
    command,
    [
      ...words,
      ...(http1 ? ["--h1"] : []),
      ...(requests ? ["-n", String(requests)] : ["-D", String(seconds)]),
      ...["-c", String(inFlight), "-m", "1", "-d", body, `--log-file=${log}`],
      ...Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      url,
    ],
    { maxBuffer: 2 ** 24 },
  );
  const cpu = sum(cpuSeconds) - before;
  const loop = sum(one => threadMicroseconds(one, one)) - loopBefore;
  const [, failed] = /requests: .* (\d+) failed/.exec(stdout) ?? [];
  const rows = readFileSync(log, "utf8").trim().split("\n");
  const times = [];
  // Microseconds; a busy machine ends the load late.
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const row of rows) {
    const [start, status, duration] = row.split("\t").map(Number);
    if (status !== 200) continue;
    times.push(duration);
    first = Math.min(first, start);
    last = Math.max(last, start + duration);
  }
  rmSync(log, { force: true });
  // Too slow for one response in the time: a longer round measures it.
  if (times.length === 0 && Number(failed) === 0 && !requests && seconds < 30)
    return load({ url, body, headers, http1 }, pid, { inFlight, seconds: seconds * 4, scratch, least, core });
  if (times.length === 0 || times.length < rows.length || Number(failed) > inFlight)
    throw new Error(`${url}: ${rows.length - times.length} of ${rows.length} calls failed\n${stdout}`);
  const data = Number(/ (?:\S+) \((\d+)\) data/.exec(stdout)?.[1]);
  if (!(data >= least * times.length))
    throw new Error(`${url}: ${data} bytes are no ${times.length} answers of ${least} bytes`);
  const all = sorted(times);
  return {
    rate: (times.length * 1e6) / (last - first),
    p50: quantile(all, 0.5) / 1000,
    p99: quantile(all, 0.99) / 1000,
    cpu: (cpu * 1e6) / times.length,
    loop: loop / times.length,
  };
}
