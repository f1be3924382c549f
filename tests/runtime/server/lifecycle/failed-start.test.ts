/**
 * A server that failed to start with exit-on-error off, and the reasons that prevent a start. Expected values are a real Triton's (2.51)
 * for the same requests; Triton's own suites of life cycle, response cache and metrics test them too.
 */
import { expect, test } from "vitest";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { createLog } from "#runtime/server/observe/server-log.js";
import { repository, startServer } from "../support.js";

const identity = (more: string): string => `backend: "identity" max_batch_size: 4
input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] } ] ${more}`;
const cached = "response_cache { enable: true }";
const ask = { inputs: [{ name: "INPUT0", shape: [1, 2], datatype: "INT32", data: [1, 2] }] };

test("with exit-on-error off a missing repository leaves a server that is neither live nor ready", async () => {
  const server = await startServer("/nowhere/at-all", { exitOnError: false, trace: {} as never });
  const status = async (path: string) => (await fetch(server.http + path)).status;
  const refused = { status: 503, body: { error: "Server not ready" } };
  try {
    expect(server.log.join("")).toContain('"Internal: failed to stat file /nowhere/at-all"');
    expect([await status("/v2/health/live"), await status("/v2/health/ready"), await status("/v2")]).toEqual([
      400, 400, 200,
    ]);
    for (const path of ["/v2/models/m/ready", "/v2/models/m/config", "/v2/models/stats"])
      expect(await server.json(path)).toMatchObject(refused);
    for (const path of ["/v2/models/m/infer", "/v2/models/m/generate", "/v2/repository/index"])
      expect(await server.post(path, ask)).toMatchObject(refused);
    expect(await status("/v2/logging")).toBe(200);
  } finally {
    await server.stop();
  }
});

test("one cache at a time, named in one way", async () => {
  await expect(
    startServer(repository(["echo_int32"]), { cacheConfig: { local: { size: "8192" }, redis: { key: "value" } } }),
  ).rejects.toThrow("found multiple cache configurations, but only a single cache is currently supported");
  const both = ["--model-repository=/m", "--response-cache-byte-size=0", "--cache-config=local,size=67890"];
  expect(() => serveOptions(both)).toThrow(
    expect.objectContaining({
      after: [
        "",
        "Error: Incompatible flags --response-cache-byte-size and --cache-config both provided. Please provide one or the other.",
      ],
    }),
  );
});

test("an ensemble with a decoupled member caches nothing; a response that is too large is logged", async () => {
  const files = {
    "large/config.pbtxt": identity(cached),
    "large/1/.keep": "",
    "member/config.pbtxt": identity("model_transaction_policy { decoupled: true }"),
    "member/1/.keep": "",
    "whole/config.pbtxt": `platform: "ensemble" max_batch_size: 4 ${cached}
      input [ { name: "A" data_type: TYPE_INT32 dims: [ -1 ] } ] output [ { name: "B" data_type: TYPE_INT32 dims: [ -1 ] } ]
      ensemble_scheduling { step [ { model_name: "member" model_version: -1 input_map { key: "INPUT0" value: "A" } output_map { key: "OUTPUT0" value: "B" } } ] }`,
    "whole/1/.keep": "",
  };
  const server = await startServer(repository([], files), {
    exitOnError: false,
    cacheConfig: { local: { size: "200" } },
  });
  try {
    const index = (await server.post("/v2/repository/index", {})).body as { name: string; reason: string }[];
    expect(index.find(({ name }) => name === "whole")?.reason).toBe(
      "Invalid argument: Response Cache does not currently support model whole with 'decoupled' transaction policy. Please disable the response cache.",
    );
    expect(await server.post("/v2/models/large/infer", ask)).toMatchObject({ status: 200 });
    expect(server.log.join("")).toMatch(
      /"Failed to insert key \[.+\] into response cache: Requested byte_size: \d+ is greater than total cache size: 200"/,
    );
  } finally {
    await server.stop();
  }
});

test("flags that have a successor are warned of in Triton's words, and the successor wins", () => {
  const warnings = (...words: string[]): { warned: string[]; options: ReturnType<typeof serveOptions> } => {
    const warned: string[] = [];
    const options = serveOptions(["--model-repository=/m", ...words], "tritonserver", text => warned.push(text));
    return { warned, options };
  };
  const removed = "has been deprecated and will be removed in future releases. Please use";
  expect(warnings("--trace-rate=1", "--trace-level=OFF", "--trace-file=/t").warned).toEqual([
    `Warning: '--trace-rate' ${removed} '--trace-config rate=<rate value> instead.`,
    `Warning: '--trace-level' ${removed} '--trace-config level=<OFF|TIMESTAMPS|TENSORS> instead.`,
    `Warning: '--trace-file' ${removed} '--trace-config triton,file=<filepath> instead.`,
  ]);
  expect(warnings("--trace-count=1", "--trace-log-frequency=1").warned).toEqual([
    `Warning: '--trace-count' ${removed} '--trace-config count=<count value> instead.`,
    `Warning: '--trace-log-frequency' ${removed} '--trace-config triton,log-frequency=<log frequency value> instead.`,
  ]);
  const both = warnings("--disable-auto-complete-config", "--strict-model-config=false");
  expect(both.options.disableAutoComplete).toBe(true);
  expect(both.warned).toEqual([
    "Warning: '--strict-model-config' has been deprecated! Please use '--disable-auto-complete-config' instead.",
    "Warning: Overriding deprecated '--strict-model-config' from False to True in favor of '--disable-auto-complete-config'!",
  ]);
});

test("records of the log are escaped unless the environment says 0", () => {
  const textOf = (setting: string | undefined): string => {
    const env = setting === undefined ? {} : { TRITON_SERVER_ESCAPE_LOG_MESSAGES: setting };
    const { log } = serveOptions(["--model-repository=/m"], "tritonserver", () => {}, env);
    let line = "";
    const defaults = { info: true, warning: true, error: true, verbose: 0, format: "default" } as const;
    createLog({ ...defaults, ...log }, text => (line = text)).info("server", 'a "b"\nc');
    return line.slice(line.indexOf("] ") + 2);
  };
  expect(textOf(undefined)).toBe('"a \\"b\\"\\nc"\n');
  expect(textOf("1")).toBe('"a \\"b\\"\\nc"\n');
  expect(textOf("0")).toBe('a "b"\nc\n');
});
