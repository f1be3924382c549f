/**
 * FIFOs, devices, links and sparse files where a model's files belong: each is a fault of its model, and the server starts in time.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Jail, openJail } from "./support/jail.js";

let jail: Jail;
let models: Readonly<Record<string, readonly [state: string, reason: string]>>;
let told: string;
beforeAll(() => {
  jail = openJail();
  // On a server that opens them, the start never ends.
  const ran = jail.run("special-files.mjs", { timeoutMs: 60_000 });
  expect(ran, ran.stderr).toMatchObject({ status: 0, signal: null });
  ({ models, told } = JSON.parse(ran.stdout));
}, 90_000);
afterAll(() => jail.dispose());

test("the others serve, and so does a model folder that is a link", () => {
  expect(models.good).toEqual(["READY", ""]);
  expect(models.shared).toEqual(["READY", ""]);
  expect(models.weights_good).toEqual(["READY", ""]);
});

test.each([
  ["config_fifo", /config_fifo\/config\.pbtxt is a FIFO; expected a regular file/],
  ["config_zero", /config_zero\/config\.pbtxt is a device; expected a regular file/],
  ["config_folder", /config_folder\/config\.pbtxt is a directory; expected a regular file/],
  ["config_sparse", /config_sparse\/config\.pbtxt has 8589934592 bytes; expected at most 4194304/],
])("%s is not read", (name, text) => {
  expect(models[name]?.[0]).not.toBe("READY");
  expect(told).toMatch(text);
});

test.each([
  ["labels_fifo", /is a FIFO; expected a regular file/],
  ["labels_zero", /is outside model directory/],
  ["labels_link", /is outside model directory/],
  ["onnx_fifo", /model\.onnx of model 'onnx_fifo' is not a regular file/],
  ["onnx_zero", /`default_model_filename` is 'model\.onnx', which is outside the model's folder/],
  ["onnx_link", /`default_model_filename` is 'model\.onnx', which is outside the model's folder/],
  ["plan_fifo", /plan\.json is a FIFO; expected a regular file/],
  ["plan_zero", /leads outside .* by a symbolic link/],
  ["plan_link", /leads outside .* by a symbolic link/],
  ["mock_fifo", /mock\.json is a FIFO; expected a regular file/],
  ["mock_outside", /'\.\.\/\.\.\/\.\.\/\.\.\/model\.mjs' is outside/],
  ["warm_fifo", /is a FIFO; expected a regular file/],
  ["warm_link", /No such file or directory/],
  ["weights_fifo", /weights\.bin is a FIFO; expected a regular file/],
  ["weights_link", /weights/],
  ["weights_up", /weights/],
  ["weights_absolute", /weights/],
  ["cc_names", /`cc_model_filenames` is '\.\.\/\.\.\/\.\.\/sentinel', which is outside/],
])("%s is not loaded", (name, text) => {
  expect(models[name]?.[0]).toBe("UNAVAILABLE");
  expect(models[name]?.[1]).toMatch(text);
});
