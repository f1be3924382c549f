/**
 * Rows 1 to 6 of the known classes of attacks on Triton. They are names as paths, overrides and configurations that leave their folder, and
 * sizes of overrides. The others are files that the server writes on request, and forged log records.
 */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repository } from "../runtime/server/support.js";
import { residentAfter, startTarget, type Target } from "./support.js";

let target: Target;
let outside: string;
beforeAll(async () => {
  outside = repository(["echo_int32"]);
  const inner = join(outside, "repository");
  mkdirSync(inner);
  const source = repository(["echo_int32"]);
  mkdirSync(join(inner, "echo_int32", "1"), { recursive: true });
  writeFileSync(
    join(inner, "echo_int32", "config.pbtxt"),
    readFileSync(join(source, "echo_int32/config.pbtxt"), "utf8"),
  );
  target = await startTarget(inner, { modelControlMode: "explicit", loadModels: ["echo_int32"] });
});
afterAll(() => target.stop());

/** Loading a name that no folder has is Triton's "failed to poll", a 500. */
const HTTP_REFUSED = [400, 404, 405, 500];
const GRPC_REFUSED = [3, 5, 13];
const marker = join(tmpdir(), `merlon-shell-${process.pid}`);
// biome-ignore format: one list
const NAMES = ["", "   ", "\t\n", "..", "../echo_int32", "a/../../echo_int32", "/etc", "%2e%2e%2fecho_int32", "..%5cecho_int32", "..\\echo_int32",
  "nul\0byte", "x".repeat(4096), `x;touch ${marker}`, `$(touch ${marker})`, "__proto__", "constructor", "toString", "\r\n[ERROR]"];

test("1: a model's name is not a path or a command", async () => {
  for (const name of NAMES) {
    const at = `/v2/models/${encodeURIComponent(name)}`;
    for (const path of [`/v2/repository/models/${encodeURIComponent(name)}/load`, `${at}/infer`]) {
      const { status } = await fetch(target.http + path, { method: "POST", body: "{}" });
      expect(HTTP_REFUSED, `${status} for ${path.slice(0, 80)}`).toContain(status);
    }
    const config = await fetch(`${target.http}${at}/config`);
    // An empty name is another route; `..` is taken out of a URL by the client.
    if (name.trim() !== "" && name !== "..")
      expect(HTTP_REFUSED, `${config.status} for ${at}`).toContain(config.status);
    const load = await target.rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", {
      model_name: name,
    });
    const infer = await target.rpc.infer({ model_name: name });
    const read = await target.rpc.call("ModelConfig", "inference.ModelConfigRequest", { name });
    for (const { code, message } of [load, infer, read]) expect(GRPC_REFUSED, message.slice(0, 200)).toContain(code);
  }
  expect(existsSync(marker)).toBe(false);
  await target.alive();
});

test("2: a file override stays in its folder, and the served models stay", async () => {
  const victim = join(outside, "victim");
  writeFileSync(victim, "untouched");
  const config = JSON.stringify({
    backend: "identity",
    max_batch_size: 8,
    input: [{ name: "INPUT0", data_type: "TYPE_INT32", dims: [4] }],
    output: [{ name: "OUTPUT0", data_type: "TYPE_INT32", dims: [4] }],
  });
  const bytes = Buffer.from("written");
  for (const path of [
    "../../victim",
    "../new",
    victim,
    `${victim}-new`,
    "1/../../victim",
    "1/../../../new",
    "",
    "1/",
    ".",
  ]) {
    const http = await target.post("/v2/repository/models/echo_int32/load", {
      parameters: { config, [`file:${path}`]: bytes.toString("base64") },
    });
    expect(http.status, path).toBeGreaterThanOrEqual(400);
    const rpc = await target.rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", {
      model_name: "echo_int32",
      parameters: { config: { string_param: config }, [`file:${path}`]: { bytes_param: bytes } },
    });
    expect(rpc.code, path).not.toBe(0);
  }
  expect(readFileSync(victim, "utf8")).toBe("untouched");
  for (const file of [`${victim}-new`, join(outside, "new"), join(target.folder, "new")])
    expect(existsSync(file)).toBe(false);
  await target.alive();
});

test("3: files that a configuration names lie in the model's folder, symbolic links followed", async () => {
  const secret = join(outside, "secret.txt");
  writeFileSync(secret, "cat\ndog\n");
  const identity = (name: string, more: string): string =>
    `name: "${name}" backend: "identity" max_batch_size: 8
     input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [2] } ]
     output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [2] ${more} } ]`;
  const add = (name: string, text: string): string => {
    const folder = join(target.folder, name);
    mkdirSync(join(folder, "1"), { recursive: true });
    writeFileSync(join(folder, "config.pbtxt"), text);
    return folder;
  };
  add("label_up", identity("label_up", 'label_filename: "../../secret.txt"'));
  add("label_twin", identity("label_twin", 'label_filename: "../label_twin_evil/labels.txt"'));
  mkdirSync(join(target.folder, "label_twin_evil"));
  writeFileSync(join(target.folder, "label_twin_evil", "labels.txt"), "a\n");
  const linked = add("label_link", identity("label_link", 'label_filename: "labels.txt"'));
  symlinkSync(secret, join(linked, "labels.txt"));
  add("label_absolute", identity("label_absolute", `label_filename: "${secret}"`));
  add(
    "model_file",
    `name: "model_file" backend: "javascript" default_model_filename: "../../../secret.txt"
     input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [2] } ] output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [2] } ]`,
  );
  add(
    "warm",
    `${identity("warm", "")} model_warmup [ { name: "w" batch_size: 1
      inputs { key: "INPUT0" value { data_type: TYPE_FP32 dims: [2] input_data_file: "../../../secret.txt" } } } ]`,
  );
  for (const name of ["label_up", "label_twin", "label_link", "label_absolute", "model_file", "warm"]) {
    const http = await target.post(`/v2/repository/models/${name}/load`, {});
    expect(http.status, name).toBeGreaterThanOrEqual(400);
    expect(JSON.stringify(http.body), name).not.toContain("dog");
    const rpc = await target.rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", {
      model_name: name,
    });
    expect(rpc.code, name).not.toBe(0);
  }
  await target.alive();
});

test("4: a huge override is refused from its length alone", async () => {
  const grown = await residentAfter(async () => {
    for (const length of [2 ** 26 + 1, 2 ** 31 + 64, 2 ** 40]) {
      const answer = await new Promise<string>(resolve => {
        const socket = connect(target.ports.http!, "127.0.0.1", () => {
          socket.write(
            `POST /v2/repository/models/echo_int32/load HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n{`,
          );
        });
        socket.once("data", chunk => {
          socket.destroy();
          resolve(chunk.toString("latin1"));
        });
      });
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    }
  });
  expect(grown).toBeLessThan(64);
  await target.alive();
});

test("5: no client says where the server writes", async () => {
  const file = join(outside, "written.log");
  const log = await target.post("/v2/logging", { log_file: file });
  expect(log.status).toBeGreaterThanOrEqual(400);
  const rpc = await target.rpc.call("LogSettings", "inference.LogSettingsRequest", {
    settings: { log_file: { string_param: file } },
  });
  expect(rpc.code).not.toBe(0);
  const trace = await target.post("/v2/trace/setting", { trace_file: file });
  expect(trace.status).toBeGreaterThanOrEqual(400);
  const traced = await target.rpc.call("TraceSetting", "inference.TraceSettingRequest", {
    settings: { trace_file: { value: [file] } },
  });
  expect(traced.code).not.toBe(0);
  expect(existsSync(file)).toBe(false);
  expect(existsSync(dirname(file))).toBe(true);
});

test("6: whatever a client sends, an event is one line of the log", async () => {
  const before = target.log.length;
  const forged = `x\r\n[ERROR] forged \u001b[2J\u2028 ${"y".repeat(2 ** 20)}`;
  await target.post(`/v2/repository/models/${encodeURIComponent("bad\r\n[ERROR] forged\u001b[2J")}/load`, {});
  await target.rpc.call("RepositoryModelLoad", "inference.RepositoryModelLoadRequest", { model_name: forged });
  await target.rpc.infer({ model_name: "echo_int32", id: forged });
  for (const line of target.log.slice(before)) {
    expect(line.trimEnd()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
    expect(line.length).toBeLessThan(32_768);
  }
  await target.alive();
});
