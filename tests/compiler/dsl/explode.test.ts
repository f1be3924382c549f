import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compile } from "#compiler/index.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-explode-"));
afterAll(() => rmSync(folder, { recursive: true }));

const compiled = (lists: string) => {
  const file = join(folder, "explode.ensemble.ts");
  writeFileSync(
    file,
    `import { ensemble, explode, source, topK } from "merlon";
const user = source({ ids: "list<int64>", scores: "list<float32>", age: "int64" });
const found = user["ids"] >> explode({ name: "item_id", with: ${lists} });
export default ensemble("explode", found["item_id"] >> topK(found["scores"], { topk: 2 }));
`,
  );
  return compile(file);
};

test("lists beside the candidates are columns of the candidates of each user", async () => {
  const made = await compiled('user["scores"]');
  if (!made.ok) throw new Error(made.diagnostics[0]!.message);
  const [step] = made.plan.steps;
  expect(step!.inputs).toMatchObject({ input: [{ name: "ids" }], with: [{ name: "scores" }] });
  expect(step!.outputs).toMatchObject([
    { name: "item_id", dtype: "int64", tags: ["id"] },
    { name: "scores", dtype: "float32", tags: [] },
  ]);
  expect(step!.outputs.some(col => col.list)).toBe(false);
});

test("a column without lists is refused at the option", async () => {
  const made = await compiled('user[["scores", "age"]]');
  expect(made.ok).toBe(false);
  expect(made.diagnostics[0]!.message).toBe("`explode` works on lists, but `age` is int64.");
});
