/** Biome with the settings of docs/guides/editors.md leaves programs as they are, and formats other files. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "../run/graph.mjs";

const page = readFileSync(join(ROOT, "docs/guides/editors.md"), "utf8");
const SETTINGS = /^```jsonc\n\/\/ biome\.json\n(\{.*?\n\})\n```$/ms.exec(page)![1]!;
const PROGRAM = `import {clip,source,workflow} from "merlon";\nconst events = source({price: 'float32'})\nexport default workflow("one", events["price"] >> clip({min: 0}) >> clip({max: 9}))\n`;
const PROGRAMS = ["one.merlon", "one.ensemble.ts", "one.workflow.ts"];

function formatted(settings: string | undefined, words: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-formatters-"));
  if (settings !== undefined) writeFileSync(join(folder, "biome.json"), settings);
  for (const name of PROGRAMS) writeFileSync(join(folder, name), PROGRAM);
  writeFileSync(join(folder, "other.ts"), "export const a = [1,2]\n");
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, "check", "--write", ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  const isEqual = (name: string) => readFileSync(join(folder, name), "utf8") === PROGRAM;
  return {
    status,
    output: stdout + stderr,
    unchanged: PROGRAMS.filter(isEqual),
    other: readFileSync(join(folder, "other.ts"), "utf8"),
  };
}

test("the settings exclude programs and nothing else", () => {
  const { status, output, unchanged, other } = formatted(SETTINGS, ["."]);
  expect(output).toContain("Checked 2 files");
  expect(status).toBe(0);
  expect(unchanged).toEqual(PROGRAMS);
  expect(other).toBe("export const a = [1, 2];\n");
});

test("without them Biome rewrites programs", () => {
  expect(formatted(undefined, ["."]).unchanged).toEqual(["one.merlon"]);
});

test("Prettier's file has the same patterns", () => {
  const patterns = /^```ini\n(.*?)\n```$/ms.exec(page)![1]!.split("\n");
  const { files } = JSON.parse(SETTINGS) as { files: { includes: readonly string[] } };
  expect(["**", ...patterns.map(pattern => `!**/${pattern}`)]).toEqual(files.includes);
});
