// `npm run bench:testing`: the time of `createTestServer` to start and to give its first response, in a process that has started one
// before, and several in parallel.
import { createTestServer, defineModel } from "../../dist/runtime/testing/index.js";

const ROUNDS = Number(process.env.ROUNDS ?? 40);
const model = defineModel({
  inputs: { x: "FP32[-1]" },
  outputs: { y: "FP32[-1]" },
  answer: ({ inputs }) => ({ y: inputs.x.data }),
});
const body = JSON.stringify({ inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] });
const ask = async server => (await fetch(`${server.http}/v2/models/model/infer`, { method: "POST", body })).json();
const sources = {
  "a model in the test": { models: { model } },
  "model-repo (FAISS, Feast, two ONNX models)": "model-repo",
};
const quantile = (list, q) =>
  list
    .toSorted((a, b) => a - b)
    [Math.min(list.length - 1, Math.floor(list.length * q))].toFixed(1)
    .padStart(8);

process.stdout.write("milliseconds                                     p50      p90\n");
for (const [name, source] of Object.entries(sources)) {
  const times = { start: [], "first answer": [], stop: [] };
  for (let i = 0; i <= ROUNDS; i++) {
    const began = performance.now();
    const server = await createTestServer(source);
    const started = performance.now();
    if (source === "model-repo") await server.infer("recommend", { user_id: [[512300022n]] });
    else await ask(server);
    const answered = performance.now();
    await server.close();
    // The first round loads the modules.
    if (i === 0) continue;
    times.start.push(started - began);
    times["first answer"].push(answered - began);
    times.stop.push(performance.now() - answered);
  }
  process.stdout.write(`${name}\n`);
  for (const [what, list] of Object.entries(times))
    process.stdout.write(`  ${what.padEnd(42)} ${quantile(list, 0.5)} ${quantile(list, 0.9)}\n`);
}
const began = performance.now();
const servers = await Promise.all(Array.from({ length: 50 }, () => createTestServer({ models: { model } })));
await Promise.all(servers.map(ask));
const took = performance.now() - began;
await Promise.all(servers.map(server => server.close()));
process.stdout.write(`fifty servers at once, each asked once: ${took.toFixed(0)} ms\n`);
