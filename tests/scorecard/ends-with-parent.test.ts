/** Processes that tests start end with them, also if they are killed: a run of hours that is ended leaves nothing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { spawnRedis } from "../needs/redis.js";
import { until } from "../run/wait.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-ends-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const here = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);

const isThere = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));

test.each([
  [
    "a server under measurement",
    `const { startMeasured } = await import(${here("./support/server-process.mjs")});
     const { pid } = await startMeasured({ models: [] });`,
  ],
  [
    "Redis",
    `const { spawnRedis } = await import(${here("../needs/redis.ts")});
     const { pid } = spawnRedis(["--port", "0", "--unixsocket", ${JSON.stringify(join(folder, "redis.socket"))}, "--dir", ${JSON.stringify(folder)}]);`,
  ],
])("%s ends with the process that started it", async (_, start) => {
  // The import at the head of this file is what installs Redis.
  expect(spawnRedis).toBeTypeOf("function");
  const parent = spawn(
    process.execPath,
    ["--input-type=module", "-e", `${start}\nconsole.log(pid); setInterval(() => {}, 1000);`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const [said] = await once(parent.stdout, "data");
  const pid = Number(said);
  expect(isThere(pid)).toBe(true);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  await until("the child has ended", () => !isThere(pid));
});
