/**
 * The generated descriptor and interfaces are those of the .proto files.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("triton-protos/gen is up to date", async () => {
  const { generate } = (await import(new URL("../../scripts/gen-protos.mjs", import.meta.url).href)) as {
    generate(): { root: string; messages: string };
  };
  const { root, messages } = generate();
  const read = (file: string): string =>
    readFileSync(new URL(`../../triton-protos/gen/${file}`, import.meta.url), "utf8");
  expect(read("root.ts")).toBe(root);
  expect(read("messages.ts")).toBe(messages);
});
