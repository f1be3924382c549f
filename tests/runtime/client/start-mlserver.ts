/**
 * MLServer as a child process on free ports.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "#conformance/free-ports.js";

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
  let over = false;
  const exited = new Promise<void>(resolve =>
    child.on("exit", () => {
      over = true;
      resolve();
    }),
  );
  const began = performance.now();
  const isReady = () =>
    fetch(`http://127.0.0.1:${http}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await isReady())) {
    if (over || performance.now() - began > 60_000) {
      child.kill("SIGKILL");
      throw new Error(`MLServer did not become ready:\n${said.slice(-3000)}`);
    }
    await new Promise(resolve => setTimeout(resolve, 100));
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
