/**
 * The subject of Triton's logging suite: the log's file, and a line for each HTTP request when the log is verbose. Values of a real Triton
 * (2.51).
 */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";

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

const texts = (log: readonly string[], pattern: RegExp): string[] =>
  log.filter(line => pattern.test(line)).map(line => line.replace(/^.*?\] /, "").trim());

test("loads and unloads are in the log", async () => {
  const two =
    'backend: "identity" input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] } ] instance_group [ { count: 2 kind: KIND_CPU } ]';
  const folder = repository(["echo_optional"], { "two/config.pbtxt": two, "two/1/.keep": "" });
  const server = await startServer(folder, { modelControlMode: "explicit" });
  try {
    for (const name of ["echo_optional", "two"]) await server.post(`/v2/repository/models/${name}/load`, {});
    await server.post("/v2/repository/models/two/unload", {});
    await expect.poll(() => texts(server.log, /successfully unloaded/)).toHaveLength(1);
  } finally {
    await server.stop();
  }
  expect(texts(server.log, /model_lifecycle/).slice(0, 5)).toEqual([
    `"loading: echo_optional:1"`,
    `"successfully loaded 'echo_optional'"`,
    `"loading: two:1"`,
    `"successfully loaded 'two'"`,
    `"successfully unloaded 'two' version 1"`,
  ]);
});
