/** Faults in background work: they are logged and counted, and the server continues. */
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { end, type ServerProcess, startProcess } from "../../../walls/support/server-process.js";
import { repository } from "../support.js";

let server: ServerProcess | undefined;
afterEach(async () => {
  if (server) await end(server);
  server = undefined;
});

const isReady = (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${server!.ports.http}/v2/models/echo_int32/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${server!.ports.metrics}/metrics`)).text();

test("a repository that is away for a moment is polled on, and its models are served meanwhile", async () => {
  const folder = repository(["echo_int32"]);
  server = await startProcess("merlon", folder, ["--model-control-mode=poll", "--repository-poll-secs=1"]);
  renameSync(folder, `${folder}-away`);
  await expect
    .poll(() => server!.output(), { timeout: 10_000 })
    .toMatch(/^E.*failed to poll model repository: .*ENOENT/m);
  expect(await isReady()).toBe(true);
  renameSync(`${folder}-away`, folder);
  const said = server.output().split("failed to poll").length;
  // A model that appears now is loaded by a poll that finds the folder.
  cpSync(join(folder, "echo_int32"), join(folder, "later"), { recursive: true });
  const config = join(folder, "later", "config.pbtxt");
  writeFileSync(config, readFileSync(config, "utf8").replace("echo_int32", "later"));
  await expect.poll(() => server!.output(), { timeout: 20_000 }).toContain("successfully loaded 'later'");
  expect(server.output().split("failed to poll").length - said).toBeLessThan(2);
  expect(await isReady()).toBe(true);
  expect(server.child.exitCode).toBe(null);
  expect(await metrics()).not.toContain("merlon_unexpected_faults_total");
});

test("an unhandled rejection is logged and counted, and ends nothing", async () => {
  const script = `process.once("SIGUSR2", () => void Promise.reject(new Error("nobody waits")))`;
  process.env.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(script)}`;
  server = await startProcess("merlon", repository(["echo_int32"])).finally(() => delete process.env.NODE_OPTIONS);
  server.child.kill("SIGUSR2");
  await expect
    .poll(() => server!.output(), { timeout: 10_000 })
    .toContain("work in the background failed: Error: nobody waits");
  expect(await isReady()).toBe(true);
  expect(await metrics()).toMatch(/^merlon_unexpected_faults_total 1$/m);
  expect(server.child.exitCode).toBe(null);
});
