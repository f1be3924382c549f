/**
 * A model with only a changed number of instances is not reloaded. Remaining ones continue, new ones are initialized, others finalized, and
 * requests run meanwhile. Triton's suite L0_model_update counts the same.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { repository, startServer } from "../../support.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-counts-"));
const config = (count: number, batch = 0): string => `backend: "javascript" max_batch_size: ${batch}
  input { name: "X" data_type: TYPE_FP32 dims: [ -1 ] } output { name: "Y" data_type: TYPE_FP32 dims: [ -1 ] }
  instance_group [ { count: ${count} kind: KIND_CPU } ]`;
const MODEL = `import { appendFileSync, existsSync } from "node:fs";
const note = what => appendFileSync(${JSON.stringify(folder)} + "/" + what, "x");
const slow = async what => {
  while (existsSync(${JSON.stringify(folder)} + "/slow-" + what)) await new Promise(done => setTimeout(done, 10));
};
export async function initialize() { note("initialize"); await slow("initialize"); }
export async function execute(requests) {
  await slow("execute");
  return requests.map(({ inputs: { X } }) => ({ outputs: [{ ...X, name: "Y" }] }));
}
export const finalize = () => note("finalize");`;

const root = repository([], { "m/config.pbtxt": config(1), "m/1/model.mjs": MODEL });
let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(root, { modelControlMode: "explicit" });
});
afterAll(() => server.stop());
beforeEach(() => {
  for (const what of ["initialize", "finalize", "slow-initialize", "slow-execute"])
    rmSync(join(folder, what), { force: true });
});

const slow = (what: string): void => writeFileSync(join(folder, `slow-${what}`), "");
const load = async (count: number, batch?: number) => {
  writeFileSync(join(root, "m/config.pbtxt"), config(count, batch));
  expect(await server.post("/v2/repository/models/m/load", {})).toEqual({ status: 200, body: "" });
};
const infer = async (shape: readonly number[] = [2]) =>
  expect(
    await server.post("/v2/models/m/infer", { inputs: [{ name: "X", datatype: "FP32", shape, data: [1, 2] }] }),
  ).toMatchObject({ status: 200, body: { outputs: [{ data: [1, 2] }] } });
const count = (what: string): number =>
  existsSync(join(folder, what)) ? readFileSync(join(folder, what), "utf8").length : 0;
/** Replaced instances end after the response to the load. */
const counts = (initialised: number, finalised: number) =>
  expect.poll(() => [count("initialize"), count("finalize")], { timeout: 5000 }).toEqual([initialised, finalised]);
const unload = async () => {
  expect((await server.post("/v2/repository/models/m/unload", {})).status).toBe(200);
};

test("only added instances are initialized, and only removed ones finalized", async () => {
  await load(3);
  await counts(3, 0);
  await load(4);
  await infer();
  await counts(4, 0);
  await load(3);
  await infer();
  await counts(4, 1);
  await load(4);
  await infer();
  await counts(5, 1);
  await unload();
  await counts(5, 5);
});

test("a change of the configuration or of the file besides makes all of them anew", async () => {
  await load(2);
  await load(1, 8);
  await infer([1, 2]);
  await counts(3, 2);
  writeFileSync(join(root, "m/1/model.mjs"), `${MODEL}\n// changed`);
  await load(2, 8);
  await infer([1, 2]);
  await counts(5, 3);
  await unload();
  await counts(5, 5);
});

test("a load that fails leaves the instances as they are", async () => {
  await load(4);
  writeFileSync(join(root, "m/config.pbtxt"), "--- no configuration ---");
  expect((await server.post("/v2/repository/models/m/load", {})).status).toBe(500);
  await load(2);
  await infer();
  await counts(4, 2);
  await unload();
  await counts(4, 4);
});

test("requests and new instances do not wait for each other", async () => {
  await load(1);
  slow("execute");
  const asked = infer();
  await load(2);
  expect(count("initialize")).toBe(2);
  rmSync(join(folder, "slow-execute"));
  await asked;
  slow("initialize");
  let loaded = false;
  const loading = load(3).then(() => {
    loaded = true;
  });
  await infer();
  expect(loaded).toBe(false);
  rmSync(join(folder, "slow-initialize"));
  await loading;
  await counts(3, 0);
  await unload();
  await counts(3, 3);
});
