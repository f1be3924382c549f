/**
 * A server under measurement: a process of its own with the recorded models, in a temporary folder of its own. It is stopped when it grows
 * beyond a bound.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MODELS, REPOSITORY } from "../../fuzz/seeds.mjs";
import { cpuMicros, peakMb, resetPeak, residentMb } from "./proc.mjs";

const PROBE = pathToFileURL(fileURLToPath(new URL("./probe.mjs", import.meta.url))).href;
/** Another build may be measured by the same instruments. */
export const DIST = resolve(process.env.SCORECARD_DIST ?? fileURLToPath(new URL("../../../dist", import.meta.url)));
// biome-ignore format: flags
const FLAGS = ["--log-warning=false", "--log-error=false", "--http-port=0", "--grpc-port=0", "--metrics-port=0", "--http-address=127.0.0.1",
  "--grpc-address=127.0.0.1"];
/** A server beyond this is a danger to the machine that measures. */
const CEILING_MB = 6000;
const START_MS = 60_000;

/**
 * @param options `repository`, `models` to load, further `flags`, `nodeFlags`, `env`, `ceilingMb`
 * @returns ports, readings of `/proc`, `ask(question)` of the probe, `ended()` → how the process ended or undefined, and `stop()`
 */
export async function startMeasured({
  repository = REPOSITORY,
  models = MODELS,
  flags = [],
  nodeFlags = [],
  env = {},
  ceilingMb = CEILING_MB,
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-measured-"));
  const temporary = join(folder, "tmp");
  mkdirSync(temporary);
  const main = join(DIST, "cli", "main.js");
  const args = [
    "--expose-gc",
    "--import",
    PROBE,
    ...nodeFlags,
    main,
    "serve",
    "--workers=1",
    "--model-repository",
    repository,
  ];
  const control = ["--model-control-mode=explicit", ...models.map(name => `--load-model=${name}`)];
  const child = spawn(process.execPath, [...args, ...FLAGS, ...control, ...flags], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, TMPDIR: temporary, ORT_DISABLE_TELEMETRY: "1", ...env },
  });
  let output = "";
  let tooLarge = false;
  const exited = new Promise(done => child.once("exit", (code, signal) => done(signal ?? code)));
  const ports = await new Promise((done, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`the server did not start within ${START_MS} ms:\n${output.slice(-2000)}`));
    }, START_MS);
    const read = chunk => {
      output = (output + chunk).slice(-50_000);
      const port = name => Number(new RegExp(`${name}[^\\n]* at [^"\\s]*:(\\d+)`, "i").exec(output)?.[1]);
      const found = { grpc: port("GRPCInferenceService"), http: port("HTTPService"), metrics: port("Metrics Service") };
      if (!found.grpc || !found.http || !found.metrics) return;
      clearTimeout(timer);
      done(found);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void exited.then(how => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${how} while it started:\n${output.slice(-2000)}`));
    });
  });
  const { pid } = child;
  let highMb = 0;
  const guard = setInterval(() => {
    const now = residentMb(pid);
    highMb = Math.max(highMb, now);
    if (now < ceilingMb) return;
    tooLarge = true;
    child.kill("SIGKILL");
  }, 100);
  guard.unref();
  void exited.then(() => clearInterval(guard));
  let asked = 0;
  return {
    ...ports,
    pid,
    exited,
    cpuMicros: () => cpuMicros(pid),
    residentMb: () => residentMb(pid),
    /** The largest resident memory since `resetPeak`, also of a process that has ended. */
    peakMb: () => Math.max(highMb, peakMb(pid)),
    resetPeak() {
      highMb = 0;
      resetPeak(pid);
    },
    output: () => output,
    /** How the server ended by itself, or undefined while it runs. */
    ended() {
      if (tooLarge) return `stopped above ${ceilingMb} MB`;
      if (child.exitCode !== null) return `exit ${child.exitCode}`;
      return child.signalCode ?? undefined;
    },
    ask(question) {
      const id = asked++;
      return new Promise((done, reject) => {
        const listen = message => {
          if (message.id !== id) return;
          child.off("message", listen);
          done(message.answer);
        };
        child.on("message", listen);
        void exited.then(how => reject(new Error(`the server ended with ${how}`)));
        child.send({ question, id }, error => error && reject(error));
      });
    },
    signal: name => child.kill(name),
    async stop() {
      if (child.exitCode === null && !child.signalCode) {
        const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
        child.kill("SIGTERM");
        await exited;
        clearTimeout(timer);
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
