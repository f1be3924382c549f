/**
 * Uploads that fail: responses, index and log name files by their path in the model, and say if the server could not write them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository, startServer } from "../support.js";
import { serveWorkers } from "../workers/served.js";

const TENSOR = { data_type: "TYPE_FP32", dims: [1] };
const upload = (name: string, files: Readonly<Record<string, string | Buffer>>, more = {}) => ({
  parameters: {
    config: JSON.stringify({
      ...{ name, backend: "onnxruntime", input: [{ name: "IN", ...TENSOR }], output: [{ name: "OUT", ...TENSOR }] },
      ...more,
    }),
    ...Object.fromEntries(
      Object.entries(files).map(([path, content]) => [`file:${path}`, Buffer.from(content).toString("base64")]),
    ),
  },
});

test("no response and no line has the path of a temporary folder", async () => {
  const server = await startServer(repository([], { "b/1/.keep": "" }), { modelControlMode: "explicit", hints: true });
  const fault = async (...[name, ...rest]: Parameters<typeof upload>): Promise<string> => {
    const answer = await server.post(`/v2/repository/models/${name}/load`, upload(name, ...rest));
    return (answer.body as { error: string }).error.replace(
      /^load failed for model '.': version 1 is at UNAVAILABLE state: /,
      "",
    );
  };
  expect(await fault("a", { "1/model.onnx": "junk" })).toBe(
    "Internal: onnx runtime error 7: Load model from a/1/model.onnx failed:Protobuf parsing failed.;\n",
  );
  expect(await fault("b", { "1/other.onnx": "junk" })).toBe("Internal: failed to stat file b/1/model.onnx;\n");
  expect(await fault("c", { "1/x": "" }, { runtime: "../x.so" })).toContain("searched: 'c/1' 'c' '/opt/tritonserver");
  expect(await fault("d", { "1/x": "" }, { default_model_filename: "../../x" })).toContain("name a file inside 'd/1'");
  expect(await fault("e", { "1/plan.json": "junk" }, { backend: "merlon" })).toContain(": e/1/plan.json is not JSON");
  expect(await fault("f", { "x.txt": "" })).toContain("at least one version must be available");
  expect(await fault("g", { "1/": "" })).toBe("failed to load 'g', failed to poll from model repository");
  expect(await fault("h", { "1/x": "", "1/x/y": "" })).toBe("failed to load 'h', failed to poll from model repository");
  const { body } = await server.post("/v2/repository/index", {});
  expect(JSON.stringify(body)).toContain("b/1/model.onnx");
  const log = server.log.join("");
  expect(log).toContain("hint: b/1/model.onnx is missing: rename other.onnx there, or name its file");
  expect(log).toContain(
    "Poll failed for model directory 'g': failed to open binary file for write g/1/: Is a directory",
  );
  expect(JSON.stringify(body) + log).not.toContain("merlon-override");
  await server.stop();
});

const SMALL = `mount -t tmpfs -o size=1m none "$0" && exec "$@"`;

test.for([1, 2])("a full temporary folder is the reason, with %i workers", async (workers, { skip }) => {
  const folder = mkdtempSync(join(tmpdir(), "full-"));
  const command = ["unshare", "-rm", "sh", "-c", SMALL, folder];
  skip(spawnSync(command[0]!, [...command.slice(1), "true"]).status !== 0, "no mount namespaces for this user");
  const flags = ["--model-control-mode", "explicit"];
  const served = await serveWorkers(repository(["echo_int32"]), workers, flags, undefined, {
    env: { TMPDIR: folder },
    command,
  });
  const load = (bytes: number) =>
    served.call("POST", "/v2/repository/models/m/load", upload("m", { "1/model.onnx": Buffer.alloc(bytes) }));
  expect(await load(2 ** 21)).toMatchObject({
    status: 500,
    json: {
      error: "failed to load 'm', failed to poll from model repository: the temporary folder of the server is full",
    },
  });
  expect(served.log()).toContain(
    `the files of the load request cannot be written to the temporary folder '${folder}' (ENOSPC: no space left on device); free space there, or set TMPDIR to a larger volume`,
  );
  // The room is free again: a smaller one is written.
  expect((await load(2 ** 10)).json.error).toContain("Protobuf parsing failed");
  expect(await served.stop()).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
});
