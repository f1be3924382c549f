/**
 * The mock backend: answers from config.pbtxt and `mock.json` alone, in every form, and repositories whose models are missing.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeFault } from "#runtime/base/errors.js";
import { mockedName, mockMissing } from "#runtime/server/backends/mock/mock-missing.js";
import { repository, startServer } from "../server/support.js";

const io = (type: string, dims = "-1"): string => `
input [ { name: "X" data_type: ${type} dims: [${dims}] } ]
output [ { name: "Y" data_type: ${type} dims: [${dims}] } ]`;
const mocked = (settings: unknown, head = "", type = "TYPE_FP32", dims = "-1") =>
  `backend: "mock" ${head} ${io(type, dims)}
parameters { key: "mock" value { string_value: ${JSON.stringify(JSON.stringify(settings))} } }`;

const files = {
  "zeros/config.pbtxt": `backend: "mock" ${io("TYPE_FP32")}`,
  "zeros/1/.keep": "",
  "random/config.pbtxt": mocked({ outputs: { Y: { random: { min: -1, max: 1 } } }, seed: 7 }, "max_batch_size: 8"),
  "random/1/.keep": "",
  "constant/config.pbtxt": mocked({ outputs: { Y: { constant: [1, 2, 3] } } }, "max_batch_size: 8", "TYPE_INT64"),
  "constant/1/.keep": "",
  "texts/config.pbtxt": mocked({ outputs: { "*": { constant: "none" } } }, "", "TYPE_STRING", "2"),
  "texts/1/.keep": "",
  "echo/config.pbtxt": mocked({ outputs: { Y: "echo" } }),
  "echo/1/.keep": "",
  "half/config.pbtxt": mocked({ outputs: { Y: { constant: 0.1 } } }, "", "TYPE_FP16", "2"),
  "half/1/.keep": "",
  "shaped/config.pbtxt": mocked({ shapes: { Y: [3] } }),
  "shaped/1/.keep": "",
  "slow/config.pbtxt": mocked({ delayMs: 80 }),
  "slow/1/.keep": "",
  "table/config.pbtxt": `backend: "mock" max_batch_size: 8 ${io("TYPE_INT64", "1")}`,
  "table/1/mock.json": JSON.stringify({
    table: [
      { inputs: { X: 1 }, outputs: { Y: 10 } },
      { inputs: { X: [2] }, outputs: { Y: [20] } },
      { inputs: { X: 3 }, error: { code: "UNAVAILABLE", message: "three is away" } },
    ],
    otherwise: "error",
  }),
  "made/config.pbtxt": `backend: "mock" ${io("TYPE_FP32")}`,
  "made/mock.json": JSON.stringify({ function: "mock.mjs" }),
  "made/mock.mjs":
    "export default ({ inputs: { X } }) => { if (X.data[0] < 0) throw new Error('below zero'); return { Y: X.data.map(x => x * 2) }; };",
  "made/1/.keep": "",
  "torch/config.pbtxt": `backend: "pytorch" instance_group [ { kind: KIND_GPU } ] ${io("TYPE_FP32")}`,
  "onnx/config.pbtxt": `backend: "onnxruntime" max_batch_size: 4 ${io("TYPE_FP32", "3")}`,
  "nameless/config.pbtxt": io("TYPE_FP32"),
  "bare/config.pbtxt": `backend: "onnxruntime"`,
  "wrong/config.pbtxt": mocked({ outputs: { Z: "zeros" } }),
  "wrong/1/.keep": "",
  "odd/config.pbtxt": mocked({ outputs: { Y: "ones" } }),
  "odd/1/.keep": "",
  "broken/config.pbtxt": `backend: "pytorch" max_batch_size: -1 ${io("TYPE_FP32")}`,
};

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(repository([], files), { exitOnError: false, mockMissing: true });
});
afterAll(() => server.stop());

interface Output {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}
async function ask(
  model: string,
  data: readonly (number | string)[],
  shape: readonly number[] = [data.length],
  datatype = "FP32",
) {
  const { status, body } = await server.post(`/v2/models/${model}/infer`, {
    inputs: [{ name: "X", shape, datatype, data }],
  });
  const { outputs, error } = body as { outputs?: readonly Output[]; error?: string };
  return { status, error, shape: outputs?.[0]?.shape, data: outputs?.[0]?.data };
}
const reason = async (model: string): Promise<string | undefined> => {
  const { body } = await server.post("/v2/repository/index", {});
  return (body as { name: string; reason?: string }[]).find(({ name }) => name === model)?.reason;
};

test("zeros, in the shape of the request", async () => {
  expect(await ask("zeros", [1, 2])).toMatchObject({ status: 200, shape: [2], data: [0, 0] });
});

test("numbers that seed and request decide: equal requests get equal ones, others get others", async () => {
  const first = await ask("random", [1, 2], [1, 2]);
  expect(first.data!.every(value => Number(value) >= -1 && Number(value) < 1)).toBe(true);
  expect(await ask("random", [1, 2], [1, 2])).toEqual(first);
  expect((await ask("random", [1, 3], [1, 2])).data).not.toEqual(first.data);
});

test("constants: one row's list for every row, texts, half floats, given shapes", async () => {
  expect(await ask("constant", [0, 0], [2, 1], "INT64")).toMatchObject({ shape: [2, 3], data: [1, 2, 3, 1, 2, 3] });
  expect((await ask("texts", ["a", "b"], [2], "BYTES")).data).toEqual(["none", "none"]);
  expect((await ask("shaped", [1])).shape).toEqual([3]);
});

test("a half float is the nearest one", async () => {
  const body = JSON.stringify({
    inputs: [{ name: "X", shape: [2], datatype: "FP16", parameters: { binary_data_size: 4 } }],
    parameters: { binary_data_output: true },
  });
  const response = await fetch(`${server.http}/v2/models/half/infer`, {
    method: "POST",
    headers: { "Inference-Header-Content-Length": String(body.length) },
    body: Buffer.concat([Buffer.from(body), Buffer.alloc(4)]),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  // numpy.float16(0.1).view(numpy.uint16) is 0x2e66.
  expect(bytes.subarray(bytes.length - 4).toString("hex")).toBe("662e662e");
});

test("a table answers row by row, with its fault, and refuses what it does not know", async () => {
  expect((await ask("table", [2, 1, 2], [3, 1], "INT64")).data).toEqual([20, 10, 20]);
  expect(await ask("table", [3], [1, 1], "INT64")).toMatchObject({ status: 503, error: "three is away" });
  expect(await ask("table", [9], [1, 1], "INT64")).toMatchObject({
    status: 400,
    error: "no row of the table of mock 'table' fits the request",
  });
});

test("a function answers; what it throws is the model's fault", async () => {
  expect((await ask("made", [3, 4])).data).toEqual([6, 8]);
  expect(await ask("made", [-1])).toMatchObject({ status: 500, error: "below zero" });
});

test("a repository without its models is served under its own configurations", async () => {
  expect((await ask("torch", [1, 2])).data).toEqual([0, 0]);
  expect(await ask("onnx", [1, 2, 3], [1, 3])).toMatchObject({ status: 200, shape: [1, 3] });
  expect((await ask("nameless", [1])).status).toBe(200);
  const { body } = await server.json("/v2/models/torch/config");
  expect(body).toMatchObject({ backend: "pytorch", instance_group: [{ kind: "KIND_GPU" }] });
  expect(server.log.join("")).toContain(
    "a mock stands in for model 'torch': backend 'pytorch' is not part of this server",
  );
  expect(server.log.join("")).toContain("a mock stands in for model 'onnx': model.onnx is not in its folder");
});

test("a mock that can't be made says which file and place is wrong", async () => {
  expect(await reason("bare")).toBe(
    "Invalid argument: a mock replaces model 'bare' (backend 'onnxruntime'), whose configuration has no outputs and whose file is missing: write them into config.pbtxt",
  );
  expect(await reason("wrong")).toBe(
    "Invalid argument: parameter `mock` of model 'wrong': outputs.Z: model 'wrong' has no such output; it has 'Y'",
  );
  expect(await reason("odd")).toMatch(/^Invalid argument: parameter `mock` of model 'odd': outputs\.Y: write "zeros"/);
  // A configuration that Triton refuses is refused all the same.
  expect((await ask("broken", [1])).error).toBe("Request for unknown model: 'broken' is not found");
  expect(server.log.join("")).toContain("'max_batch_size' must be non-negative value for broken");
});

test.each([
  [
    "is not installed",
    Object.assign(new Error("Cannot find package 'faiss-node' imported from x"), { code: "ERR_MODULE_NOT_FOUND" }),
    true,
  ],
  [
    "is installed without its native part",
    Object.assign(new Error("Could not locate the bindings file. Tried:"), {
      stack: "at node_modules/faiss-node/lib/index.js",
    }),
    false,
  ],
] as const)("a stage whose package %s: a mock replaces it: %s", async (_, fault, mocked) => {
  const told: string[] = [];
  const { step } = mockMissing(mocked => told.push(mockedName(mocked)));
  const place = { model: "m", plan: {}, step: { label: "near", op: "queryFaiss", artefacts: {} }, folder: "." };
  const prepared = (async () =>
    step!(place as never, async () => {
      throw new RuntimeFault("UNAVAILABLE", "no FAISS here", { cause: fault });
    }))();
  if (mocked) await prepared;
  else await expect(prepared).rejects.toThrow("no FAISS here");
  expect(told).toEqual(mocked ? ["m/near"] : []);
});
