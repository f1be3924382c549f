/**
 * A repository in which FIFOs, devices and links take the place of files that models are read from. Prints the state and the reason of each model.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { JAIL, onnxWithWeights, REPOSITORY, startServer } from "./serve-in-jail.mjs";

const TENSORS = `max_batch_size: 8 input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [1] } ]`;
const output = (more = "") => `output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [1] ${more} } ]`;
const identity = (more = "") => `backend: "identity" ${TENSORS} ${output(more)}`;
const put = (path, text) => {
  mkdirSync(dirname(join(REPOSITORY, path)), { recursive: true });
  if (text !== undefined) writeFileSync(join(REPOSITORY, path), text);
  return join(REPOSITORY, path);
};
const fifo = path => execFileSync("mkfifo", [put(path)]);
const link = (to, path) => symlinkSync(to, put(path));
const folder = path => mkdirSync(join(REPOSITORY, path), { recursive: true });

put("good/config.pbtxt", identity());
folder("good/1");
for (const name of ["config_fifo", "config_zero", "config_folder", "config_sparse"]) folder(`${name}/1`);
fifo("config_fifo/config.pbtxt");
link("/dev/zero", "config_zero/config.pbtxt");
folder("config_folder/config.pbtxt");
truncateSync(put("config_sparse/config.pbtxt", ""), 2 ** 33);
for (const name of ["labels_fifo", "labels_zero", "labels_link"]) {
  put(`${name}/config.pbtxt`, identity('label_filename: "labels.txt"'));
  folder(`${name}/1`);
}
fifo("labels_fifo/labels.txt");
link("/dev/zero", "labels_zero/labels.txt");
link(join(JAIL, "sentinel"), "labels_link/labels.txt");
for (const name of ["onnx_fifo", "onnx_zero", "onnx_link"])
  put(`${name}/config.pbtxt`, `backend: "onnxruntime" ${TENSORS} ${output()}`);
fifo("onnx_fifo/1/model.onnx");
link("/dev/zero", "onnx_zero/1/model.onnx");
link(join(JAIL, "sentinel"), "onnx_link/1/model.onnx");
for (const name of ["plan_fifo", "plan_zero", "plan_link"])
  put(`${name}/config.pbtxt`, `backend: "merlon" ${TENSORS} ${output()}`);
fifo("plan_fifo/1/plan.json");
link("/dev/zero", "plan_zero/1/plan.json");
link(join(JAIL, "sentinel"), "plan_link/1/plan.json");
for (const name of ["mock_fifo", "mock_outside"]) put(`${name}/config.pbtxt`, `backend: "mock" ${TENSORS} ${output()}`);
fifo("mock_fifo/1/mock.json");
put("mock_outside/1/mock.json", JSON.stringify({ function: "../../../../model.mjs" }));
const warm = (name, file) =>
  put(
    `${name}/config.pbtxt`,
    `${identity()} model_warmup [ { name: "w" batch_size: 1
      inputs { key: "INPUT0" value { data_type: TYPE_INT32 dims: [1] input_data_file: "${file}" } } } ]`,
  );
warm("warm_fifo", "data");
fifo("warm_fifo/warmup/data");
folder("warm_fifo/1");
warm("warm_link", "data");
link("/dev/zero", "warm_link/warmup/data");
folder("warm_link/1");
put("cc_names/config.pbtxt", `${identity()} cc_model_filenames { key: "7.5" value: "../../../sentinel" }`);
folder("cc_names/1");
for (const [name, location] of [
  ["weights_good", "data/weights.bin"],
  ["weights_fifo", "data/weights.bin"],
  ["weights_link", "data/weights.bin"],
  ["weights_up", "../../../../sentinel"],
  ["weights_absolute", join(JAIL, "sentinel")],
]) {
  put(`${name}/config.pbtxt`, 'backend: "onnxruntime"');
  put(`${name}/1/model.onnx`, onnxWithWeights(location));
}
put("weights_good/1/data/weights.bin", Buffer.alloc(16));
fifo("weights_fifo/1/data/weights.bin");
link(join(JAIL, "sentinel"), "weights_link/1/data/weights.bin");
// A link to a whole model folder is the operator's way to share one.
put("../beside/shared/config.pbtxt", identity());
folder("../beside/shared/1");
link("../beside/shared", "shared");

const server = await startServer({ modelControlMode: "none" });
const index = JSON.parse((await server.http("POST", "/v2/repository/index", "{}")).body);
const known = index.map(({ name, state, reason }) => [name, state ?? "NOT_READ", reason ?? ""]);
const told = server.log.filter(line => /config_|plan_|onnx_/.test(line)).join("");
await server.stop();
console.log(JSON.stringify({ models: Object.fromEntries(known.map(([name, ...rest]) => [name, rest])), told }));
