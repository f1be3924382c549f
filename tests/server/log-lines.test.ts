/**
 * What Triton's logging suite reads: where the log goes, and a line for each HTTP request when the log is verbose. Values of a real Triton (2.51).
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, startServer } from "./support.js";

test("the settings name the log's file, and a verbose log names each request", async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), "merlon-log-")), "server.log");
  const log = { info: true, warning: true, error: true, verbose: 1, format: "default" } as const;
  const server = await startServer(repository(["echo_int32"]), { logFile, log });
  const requests = () => readFileSync(logFile, "utf8").match(/"HTTP request: \d \/v2\/logging"/g);
  try {
    expect((await server.json("/v2/logging")).body).toMatchObject({ log_file: logFile, log_verbose_level: 1 });
    await server.post("/v2/logging", { log_verbose_level: 0 });
    await server.json("/v2/logging");
  } finally {
    await server.stop();
  }
  expect(requests()).toEqual(['"HTTP request: 0 /v2/logging"', '"HTTP request: 2 /v2/logging"']);
});
