import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import { outputSchema, workflowPlan } from "../../tests/runtime/etl/workflow-plan.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-tags-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Merlin takes these tags apart (`merlin.schema.tags.COMPOUND_TAGS`). */
test("a compound tag is its parts, and selects the columns that have all of them", async () => {
  const file = join(folder, "tags.workflow.ts");
  writeFileSync(
    file,
    `import { addTags, source, tag, workflow } from "merlon";
const events = source({ user: "int64", age: "int64", item: "int64", price: "float32", words: "list<int64>" });
const tagged =
  (events["user"] >> addTags("user_id")) +
  (events["age"] >> addTags("user")) +
  (events["item"] >> addTags("continuous") >> addTags("ITEM_ID")) +
  (events["price"] >> addTags("session_id", "cheap")) +
  (events["words"] >> addTags("text_tokenized"));
export default workflow("tags", tagged[tag("user_id", "item_id", "session", "text")]);
`,
  );
  const compiled = await compile(file);
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  expect(Object.fromEntries(compiled.plan.outputs.map(({ schema }) => [schema.name, schema.tags]))).toEqual({
    user: ["user", "id"],
    item: ["item", "id"],
    price: ["session", "id", "cheap"],
    words: ["text", "tokenized"],
  });
});

describe("a tag replaces those that contradict it", () => {
  const both = (before: string, added: string) => {
    const plan = workflowPlan({ x: "int64" }, [
      { op: "addTags", params: { tags: [before] } },
      { op: "addTags", params: { tags: [added] } },
    ]);
    return outputSchema(plan, "x").tags.toSorted();
  };
  // As `TagSet([before]).override([added])` of merlin-core 23.08 has them.
  test.each([
    ["categorical", "continuous", ["continuous"]],
    ["categorical", "embedding", ["embedding"]],
    ["categorical", "id", ["categorical", "id"]],
    ["categorical", "item_id", ["categorical", "id", "item"]],
    ["continuous", "categorical", ["categorical"]],
    ["continuous", "embedding", ["embedding"]],
    ["continuous", "id", ["id"]],
    ["continuous", "item_id", ["id", "item"]],
    ["continuous", "user", ["continuous", "user"]],
    ["embedding", "categorical", ["categorical"]],
    ["embedding", "continuous", ["continuous"]],
    ["embedding", "item_id", ["id", "item"]],
    ["id", "categorical", ["categorical", "id"]],
    ["id", "continuous", ["continuous"]],
    ["id", "embedding", ["embedding"]],
    ["item_id", "continuous", ["continuous", "item"]],
    ["item_id", "embedding", ["embedding", "item"]],
    ["user", "item_id", ["id", "item", "user"]],
  ] as const)("%s, then %s", (before, added, expected) => {
    expect(both(before, added)).toEqual(expected);
  });
});

test("no tag at all is refused", () => {
  expect(() => workflowPlan({ x: "int64" }, [{ op: "addTags", params: { tags: [] } }])).toThrow(/tags/);
});
