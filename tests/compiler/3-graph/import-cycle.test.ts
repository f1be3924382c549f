import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import "../../needs/built.js";

const folder = mkdtempSync(join(tmpdir(), "merlon-cycle-"));
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

test("a program that imports a file that imports it says so, and a constant that is read too early alone does not", async () => {
  const program = write(
    "a.ensemble.ts",
    `import { ensemble, source } from "merlon";
import { b } from "./b.js";
export const a = source({ x: "int64", y: "int64" });
export default ensemble("m", a["x"] + b);
`,
  );
  write("b.ts", 'import { a } from "./a.ensemble.js";\nexport const b = a.pick("y");\n');
  const compiled = await compile(program);
  expect(compiled.ok).toBe(false);
  expect(compiled.diagnostics.map(({ message }) => message)).toEqual([
    "Running a.ensemble.ts failed: Cannot access 'a' before initialization: a.ensemble.ts → b.ts → a.ensemble.ts is a circular import. Move 'a' into a file that imports none of them.",
  ]);
});
