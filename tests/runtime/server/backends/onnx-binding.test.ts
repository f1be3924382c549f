/** ONNX Runtime opened by its native file, by the module beside it, or by the package's own interface: the same answers and the same errors. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { builtUrl } from "../../../needs/built.js";

const MODEL = fileURLToPath(
  new URL("../../../conformance/data/protocol/models/calc_fp32/1/model.onnx", import.meta.url),
);
/** Hides modules of these names from `require`, runs the model, and prints the result. */
const PROGRAM = `
import Module from "node:module";
const [model, ...hidden] = process.argv.slice(1);
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  if (hidden.some(name => request.startsWith(name))) throw new Error("hidden: " + request);
  return resolve(request, ...rest);
};
const { openSession } = await import(${JSON.stringify(builtUrl("runtime/server/backends/onnx-session.js"))});
const { Tensor } = await import(${JSON.stringify(builtUrl("runtime/server/backends/onnx-tensor.js"))});
const session = await openSession(model, { executionProviders: ["cpu"] });
const { inputs, outputs } = session.graph;
const wanted = outputs.map(({ name }) => name);
const feedsOf = size => Object.fromEntries(
  inputs.map(({ name }, i) => [name, new Tensor("float32", Float32Array.from({ length: 2 * size }, (_, j) => i + j / 8), [2, size])]));
const textOf = work => work().then(results => Object.entries(results).map(([name, { type, dims, data }]) => [name, type, dims, [...data]]), ({ message }) => message);
const found = [await textOf(() => session.run(feedsOf(4), wanted)), await textOf(() => session.run(feedsOf(3), wanted)), await textOf(() => session.run({}, wanted))];
console.log(JSON.stringify({ isDirect: session.runSync !== undefined, found }));
`;

async function openedWithout(...hidden: readonly string[]) {
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    PROGRAM,
    MODEL,
    ...hidden,
  ]);
  return JSON.parse(stdout) as { readonly isDirect: boolean; readonly found: readonly unknown[] };
}

test("the native file, the module beside it and the package give the same answers and errors", async () => {
  const native = await openedWithout();
  const [answer, wrongShape, missing] = native.found;
  expect(native.isDirect).toBe(true);
  expect(answer).toContainEqual(expect.arrayContaining(["float32", [2, 4]]));
  expect(wrongShape).toMatch(/dimension|shape/i);
  expect(missing).toContain("is missing in 'feeds'");
  expect(await openedWithout("onnxruntime-node/bin/")).toEqual(native);
  const byPackage = await openedWithout("onnxruntime-node/bin/", "onnxruntime-node/dist/binding.js");
  expect(byPackage).toEqual({ isDirect: false, found: native.found });
});
