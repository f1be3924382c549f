/** A fitted folder notes the program that it was made of, and an ensemble is warned when that was edited since. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { compile } from "#compiler/index.js";
import { fitWorkflow } from "#runtime/etl/fit.js";
import { writeFittedWorkflow } from "#runtime/etl/fitted-folder.js";

const project = mkdtempSync(join(tmpdir(), "merlon-edited-"));
afterAll(() => rmSync(project, { recursive: true }));

const at = (path: string): string => join(project, path);
function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

const WORKFLOW = `import { categorify, source, workflow } from "merlon";
import { maxSize } from "./sizes.js";
const events = source({ city: "string" });
export default workflow("user", events["city"] >> categorify({ maxSize }));
`;
const SIZES = "export const maxSize = 100;\n";

async function fitAgain(): Promise<void> {
  const compiled = await compile(at("features/user.workflow.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(d => d.message).join("\n"));
  const { plan, texts, withState } = compiled;
  await writeFittedWorkflow(
    at("etl/user"),
    async folder => {
      const options = { folder, refine: withState };
      return withState((await fitWorkflow(plan, at("users.csv"), options)).states);
    },
    { file: at("features/user.workflow.ts"), texts, plan },
  );
}

const warnings = async (): Promise<string[]> => {
  const compiled = await compile(at("main.ensemble.ts"));
  if (!compiled.ok) throw new Error(compiled.diagnostics.map(d => d.message).join("\n"));
  return compiled.diagnostics.map(({ code, message }) => `${code} ${message}`);
};

beforeEach(async () => {
  write("package.json", "{}");
  write("users.csv", "city\nGhent\nTurin\nGhent\n");
  write("features/user.workflow.ts", WORKFLOW);
  write("features/sizes.ts", SIZES);
  write(
    "main.ensemble.ts",
    `import { ensemble, source, transformWorkflow } from "merlon";
const request = source({ city: "string" });
export default ensemble("x", request >> transformWorkflow("etl/user"));
`,
  );
  await fitAgain();
});

const manifest = (): { program: { file: string; plan: string; texts: Record<string, string> } } =>
  JSON.parse(readFileSync(at("etl/user/manifest.json"), "utf8")) as ReturnType<typeof manifest>;

test("the manifest names the program and its texts, relative to each other", async () => {
  const { file, texts } = manifest().program;
  expect(file).toBe("../../features/user.workflow.ts");
  expect(Object.keys(texts)).toEqual(["sizes.ts", "user.workflow.ts"]);
  expect(await warnings()).toEqual([]);
});

test("an edit that changes the plan is a warning, in the program and in its imports", async () => {
  write("features/user.workflow.ts", WORKFLOW.replace("({ maxSize })", "({ maxSize: 50 })"));
  expect(await warnings()).toEqual([
    expect.stringMatching(/^workflow\/edited `.*user\.workflow\.ts` was edited since `etl\/user`/),
  ]);
  write("features/user.workflow.ts", WORKFLOW);
  expect(await warnings()).toEqual([]);
  write("features/sizes.ts", "export const maxSize = 50;\n");
  expect(await warnings()).toHaveLength(1);
  await fitAgain();
  expect(await warnings()).toEqual([]);
});

test("a program outside of the project, and a file that is not a program, are not run", async () => {
  const outside = mkdtempSync(join(tmpdir(), "merlon-outside-"));
  const ran = at("ran");
  const hostile = `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(ran)}, "");\n`;
  writeFileSync(join(outside, "user.workflow.ts"), hostile);
  write("features/other.ts", hostile);
  for (const file of [
    join("..", "..", "..", outside.slice(tmpdir().length + 1), "user.workflow.ts"),
    "../../features/other.ts",
  ]) {
    const edited = manifest();
    edited.program.file = file;
    write("etl/user/manifest.json", JSON.stringify(edited));
    expect(await warnings()).toEqual([]);
    expect(() => readFileSync(ran)).toThrow(/ENOENT/);
  }
  rmSync(outside, { recursive: true });
});
