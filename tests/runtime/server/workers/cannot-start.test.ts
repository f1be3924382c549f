/**
 * Ports that are taken, and temporary folders in which nothing can be made: the reason, the exit code, and nothing that is left.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../../run/wait.js";
import { repository } from "../support.js";
import { GOOD, INFER, serveWorkers, workersOf } from "./served.js";

/** Its path is short enough for sockets, for which a server would leave a longer one. */
const place = mkdtempSync("/tmp/merlon-start-");
const temporary = join(place, "tmp");
mkdirSync(temporary);
const occupant = createServer();
beforeAll(() => new Promise<void>(done => void occupant.listen(0, "127.0.0.1", done)));
afterAll(() => {
  occupant.close();
  rmSync(place, { recursive: true });
});

/** Processes whose temporary folder is that of these tests. */
const ownProcesses = (): readonly string[] =>
  readdirSync("/proc").filter(name => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "latin1").includes(`TMPDIR=${temporary}`);
    } catch {
      return false;
    }
  });

test.each([
  ["HTTP", "--http-port"],
  ["gRPC", "--grpc-port"],
  ["metrics", "--metrics-port"],
  // It opens when all workers run.
  ["fault admin", "--fault-admin-port"],
])("a taken port for %s: the message names both, and nothing is left", async (name, flag) => {
  const { port } = occupant.address() as AddressInfo;
  const starting = serveWorkers(repository(["echo_int32"]), 2, [flag, String(port)], undefined, {
    env: { TMPDIR: temporary },
  });
  const advice = `${name}: port ${port} at 127.0.0.1 is taken: end the process that holds it, or choose another port (0 takes a free one)`;
  const reason = await starting.then(
    async served => `it runs, and ends with ${await served.stop()}`,
    (error: Error) => error.message,
  );
  expect(reason).toMatch(/^the server ended with 1:/);
  expect(reason).toContain(advice);
  expect(ownProcesses()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test.each([
  ["is missing", () => join(place, "missing")],
  [
    "is a file",
    () => {
      writeFileSync(join(place, "file"), "");
      return join(place, "file");
    },
  ],
  ["takes no files", () => "/proc"],
])("a temporary folder that %s: the sockets are in another one, and a warning names both", async (_, make) => {
  const folder = make();
  const served = await serveWorkers(repository(["echo_int32"]), 2, [], undefined, { env: { TMPDIR: folder } });
  expect(served.log()).toContain(
    `the folder of the workers' sockets is in '/tmp': no temporary folder can be made in '${folder}': `,
  );
  for (let i = 0; i < 4; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await served.stop()).toBe(0);
});

const READ_ONLY = `mount -t tmpfs -o ro none "$0" && exec "$@"`;

test("a read-only temporary folder: both workers serve", async ({ skip }) => {
  const folder = mkdtempSync(join(place, "ro-"));
  const command = ["unshare", "-rm", "sh", "-c", READ_ONLY, folder];
  skip(spawnSync(command[0]!, [...command.slice(1), "true"]).status !== 0, "no mount namespaces for this user");
  const env = { TMPDIR: folder };
  const served = await serveWorkers(repository(["echo_int32"]), 2, [], undefined, { env, command });
  expect(served.log()).toContain(`no temporary folder can be made in '${folder}': `);
  for (let i = 0; i < 4; i++) expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await served.stop()).toBe(0);
});

test("sockets that are removed while the server runs: a new worker says so, and the others serve", async () => {
  const served = await serveWorkers(repository(["echo_int32"]), 2, [], undefined, { env: { TMPDIR: temporary } });
  const [victim, other] = workersOf(served);
  const [sockets] = readdirSync(temporary).filter(name => name.startsWith("merlon-workers-"));
  rmSync(join(temporary, sockets!), { recursive: true });
  process.kill(victim!, "SIGKILL");
  await until("the log says so", () => served.log().includes("could not be started"));
  expect(served.log()).toContain(
    `worker 0 could not be started: the folder of the workers' sockets, ${join(temporary, sockets!)}, is missing: `,
  );
  expect(served.log()).toContain("set TMPDIR to another folder, and start the server again");
  expect(workersOf(served)).toContain(other);
  expect((await served.call("POST", INFER, GOOD)).status).toBe(200);
  expect(await served.stop()).toBe(0);
  expect(existsSync(join(temporary, sockets!))).toBe(false);
  expect(ownProcesses()).toEqual([]);
});

test("a socket of a worker that cannot be made ends the server, with its reason and without processes", async () => {
  const blocked = join(place, "blocked.mjs");
  // In each worker, before it opens its socket: a folder has the socket's name.
  writeFileSync(
    blocked,
    `import { mkdirSync, readdirSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
const folder = process.env.TMPDIR + "/";
if (isMainThread && process.send)
  for (const name of readdirSync(folder).filter(name => name.startsWith("merlon-workers-")))
    for (const worker of [0, 1]) mkdirSync(folder + name + "/" + worker + ".sock", { recursive: true });
`,
  );
  const starting = serveWorkers(repository(["echo_int32"]), 2, [], undefined, {
    env: { TMPDIR: temporary, NODE_OPTIONS: `--import=${pathToFileURL(blocked)}` },
  });
  const reason = await starting.then(
    async served => `it runs, and ends with ${await served.stop()}`,
    (error: Error) => error.message,
  );
  expect(reason).toMatch(/^the server ended with 1:/);
  expect(reason).toMatch(
    /error: creating server: Internal - the socket of worker [01] cannot be made: listen EADDRINUSE/,
  );
  expect(ownProcesses()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});
