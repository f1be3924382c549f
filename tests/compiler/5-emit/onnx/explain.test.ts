// `merlon explain --target triton`: which step becomes which model, where it runs, how large it is, and about what it costs.
import { expect, test } from "vitest";
import { explainLowered, printLowered } from "#compiler/explain/explain-lowered.js";
import { freezeFeatures } from "#runtime/stores/feast/freeze-features.js";
import { compiledProgram } from "./both-servers.js";
import { SHOP } from "./sample-programs.js";

const freeze = { freeze: freezeFeatures };

test("a graph per step: a row for each model, with its size and cost, the snapshot and the notes", async () => {
  const program = await compiledProgram(SHOP);
  const told = explainLowered(program, freeze);
  expect(told.refused).toEqual([]);
  const by = Object.fromEntries(told.models.map(model => [model.name, model]));
  expect(Object.keys(by)).toHaveLength(11);
  expect(by.recommend).toMatchObject({ backend: "ensemble", place: "", nodes: 0, cost: 0 });
  expect(by.recommend_dlrm).toMatchObject({ backend: "onnxruntime" });
  const [search, model, look] = [by.recommend_retrieval_queryFaiss!, by.recommend_dlrm!, by.recommend_user_queryFeast!];
  // A table of 1114 users, and vectors of 900 items.
  expect(look.bytes).toBeGreaterThan(100_000);
  expect(search.bytes).toBeGreaterThan(900 * 16 * 4);
  expect(look.place).toBe("cpu");
  // The model scores all candidates of a user, a look-up is made once.
  expect(model.cost).toBeGreaterThan(look.cost);
  expect(told.models.slice(1).every(({ nodes, bytes, cost }) => nodes > 0 && bytes > 0 && cost > 0)).toBe(true);
  const text = printLowered(told);
  expect(text).toMatch(/^recommend on a stock Triton\n {2}model +backend +runs on +nodes +size +≈ µs a user\n/);
  expect(text).toMatch(/\n {2}recommend_user_queryFeast +onnxruntime +cpu +\d+ +\d+ KiB +\d+\n/);
  expect(text).toMatch(/Frozen features .*\n.*view user_features, 1114 entities, \d+ features, .* taken 2020-04-01T/);
  expect(text).toMatch(/note: step `retrieval\.queryFaiss` visits 8 of the 32 lists/);
});

test("one graph: all of it in one model, and no more to do than in the steps", async () => {
  const program = await compiledProgram(SHOP);
  const steps = explainLowered(program, freeze).models;
  const fused = explainLowered(program, { ...freeze, fuse: true }).models;
  expect(fused.map(({ name, backend }) => [name, backend])).toEqual([["recommend", "onnxruntime"]]);
  expect(fused[0]!.nodes).toBeLessThan(steps.reduce((sum, { nodes }) => sum + nodes, 0));
});
