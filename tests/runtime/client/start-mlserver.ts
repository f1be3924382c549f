/**
 * MLServer as a child process on free ports.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort } from "#conformance/free-ports.js";
import { until } from "../../run/wait.js";

/**
 * @param environment folder of a virtual environment that has mlserver
 * @param write puts models and settings into the folder
 */
export async function startMlserver(
  environment: string,
  folder: string,
  write: (ports: Record<string, number>) => void,
) {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()];
  write({ http_port: http, grpc_port: grpc, metrics_port: metrics });
  const child = spawn(join(environment, "bin", "mlserver"), ["start", folder], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", chunk => (said += chunk));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const exited = once(child, "exit");
  const isReady = () =>
    fetch(`http://127.0.0.1:${http}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  try {
    await until(
      () => `MLServer is ready, after\n${said.slice(-3000)}`,
      async () => hasEnded() || (await isReady()),
      60_000,
    );
    if (hasEnded()) throw new Error(`MLServer has ended:\n${said.slice(-3000)}`);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    grpc,
    http,
    async stop() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}
