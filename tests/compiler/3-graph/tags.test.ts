/** Tags that Merlin takes apart (`merlin.schema.tags.COMPOUND_TAGS`): as two tags, added and selected. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { compile } from "#compiler/index.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-tags-"));
afterAll(() => rmSync(folder, { recursive: true }));

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
