// The rule of the logged draw, from the plans that were served.
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { build, compile } from "#compiler/index.js";
import { loggedDraw } from "#runtime/evaluation/logged-draw.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-logged-draw-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const INDEX = JSON.stringify(join(import.meta.dirname, "../../samples/artefacts/index/items.faiss"));

/** @param orderings TypeScript of the last step @returns a model with a version of each */
async function served(name: string, ...orderings: string[]): Promise<string> {
  const model = join(folder, name);
  mkdirSync(model);
  for (const [i, ordering] of orderings.entries()) {
    const file = join(folder, `${name}.ensemble.ts`);
    writeFileSync(
      file,
      `import { ensemble, epsilonGreedy, queryFaiss, softmaxSampling, source, topK } from "merlon";
const request = source({ query: "float32[4]" });
const found = request["query"] >> queryFaiss(${INDEX}, { topk: 20, includeDistances: true });
const [ids, near] = [found["candidate_ids"], found["candidate_distances"]];
const top = ids >> softmaxSampling(near, { topk: 9 });
export default ensemble("shop", ${ordering});
`,
    );
    const compiled = await compile(file);
    if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join("\n"));
    build(compiled, join(folder, "built"));
    renameSync(join(folder, "built/shop/1"), join(model, String(i + 1)));
    rmSync(join(folder, "built"), { recursive: true });
  }
  return model;
}

test("temperature and uniform part of one draw; versions that differ, and two draws, are refused", async () => {
  const drawn = await served(
    "drawn",
    "ids >> softmaxSampling(near, { topk: 3, temperature: 7 })",
    "ids >> softmaxSampling(near, { topk: 9, temperature: 7 })",
  );
  expect(await loggedDraw([drawn])).toEqual({ temperature: 7 });
  const explored = await served("explored", "ids >> epsilonGreedy(near, { topk: 3, epsilon: 0.2 })");
  expect(await loggedDraw([explored])).toEqual({ uniform: { epsilon: 0.2, least: 0, per: "position" } });
  expect(await loggedDraw([await served("best", "ids >> topK(near, { topk: 3 })")])).toEqual({});
  await expect(loggedDraw([drawn, explored])).rejects.toThrow(/draw in different ways/);
  const twice = await served("twice", 'top["ordered_ids"] >> topK(top["ordered_scores"], { topk: 3 })');
  await expect(loggedDraw([twice])).rejects.toThrow(/has no single draw: .*depend on the draw/);
}, 120_000);
