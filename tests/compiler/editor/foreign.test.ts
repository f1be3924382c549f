// `merlon tsc` and `merlon check` in a project outside of the tree, which has Merlon as npm installs it and the settings of the documentation.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { blocksOf } from "../../docs/blocks.js";
import { builtFile, MERLON } from "../../needs/built.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { ROOT } from "../../run/graph.mjs";

const MODULES = join(ROOT, "node_modules");
/** The dependencies of Merlon that its declarations import; better-sqlite3 and onnxruntime-node are optional. */
const INSTALLED = ["zod", "commander", "protobufjs", "ioredis", "apache-arrow", "@types/node"];

const json = (page: string, index: number): Record<string, Record<string, unknown>> => {
  const block = blocksOf(page).filter(({ language }) => language === "jsonc")[index]!;
  return JSON.parse(block.text.replaceAll(/\/\/.*$/gm, ""));
};
const SIX = json("docs/guides/editors.md", 0);
const SEVEN = json("docs/guides/editors.md", 2);
/** The first test checks the declarations of Merlon, of its dependencies and of Node, which takes most of the time; the others check the project. */
const QUICK = { ...SIX, compilerOptions: { ...SIX.compilerOptions, skipLibCheck: true } };

/** A program in each form, and a plain file that uses them, the client and the test kit. */
const FILES = {
  "shared.merlon": `import { clip, source } from "merlon";
export const user = source({ age: "float32", city: "string" });
export const adult = user["age"] >> clip({ min: 18 });
`,
  "main.workflow.ts": `import { logOp, workflow } from "merlon";
import { adult, user } from "./shared.merlon";
const grown = adult >> logOp();
export default workflow("w", grown + user["city"]);
`,
  "uses.ts": `import { connect } from "merlon/client";
import { createTestServer } from "merlon/testing";
import { adult } from "./shared.merlon";
export const column: "float32 age" = adult.columns;
await using server = await createTestServer("model-repo", { mockMissing: true });
await using client = await connect("grpc://localhost:8001");
console.log(server, client);
`,
} as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-foreign-"));
  const merlon = join(folder, "node_modules", "merlon");
  mkdirSync(merlon, { recursive: true });
  cpSync(join(ROOT, "package.json"), join(merlon, "package.json"));
  const dist = dirname(dirname(builtFile("compiler/index.js")));
  // As files of its own: behind a link, TypeScript would find the tree's packages beside them. The plugin and the mapper are not started by name here.
  cpSync(dist, join(merlon, relative(ROOT, dist)), {
    recursive: true,
    filter: path => !/\.\w+$/.test(path) || path.endsWith(".d.ts"),
  });
  for (const name of INSTALLED) link(join(MODULES, name), name);
  mkdirSync(join(folder, "src"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function link(target: string, name: string): void {
  const path = join(folder, "node_modules", name);
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  symlinkSync(target, path);
}

const TYPESCRIPT = join(MODULES, "typescript");

interface Project {
  readonly tsconfig?: object | string;
  readonly manifest?: object;
  readonly files?: Partial<Record<string, string>>;
  readonly typescript?: string;
}

function run(words: readonly string[], project: Project = {}): { status: number; errors: string[]; said: string } {
  const { tsconfig = QUICK, manifest = { type: "module" }, files = {}, typescript = TYPESCRIPT } = project;
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(join(folder, "tsconfig.json"), typeof tsconfig === "string" ? tsconfig : JSON.stringify(tsconfig));
  link(typescript, "typescript");
  rmSync(join(folder, "src"), { recursive: true });
  mkdirSync(join(folder, "src"));
  for (const [name, text] of Object.entries({ ...FILES, ...files }))
    if (text !== undefined) writeFileSync(join(folder, "src", name), text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...words], { cwd: folder, encoding: "utf8" });
  return { status: status!, errors: stdout.split("\n").filter(line => /error TS/.test(line)), said: stderr };
}

// Each run of `tsc` reads the declarations of Node and of Merlon.
vi.setConfig({ testTimeout: 300_000 });

describe("with the settings of the documentation", () => {
  test("those of TypeScript 7.1 differ in the plugin and the mapper alone", () => {
    expect({ ...SEVEN, contentMappers: undefined }).toEqual({
      ...SIX,
      compilerOptions: { ...SIX.compilerOptions, plugins: undefined },
    });
  });

  test("TypeScript 6: no errors", () =>
    expect(run(["tsc"], { tsconfig: SIX })).toEqual({ status: 0, errors: [], said: "" }));

  test("TypeScript 7.1: no errors", () => {
    // The mapper runs from the tree; operators show in `.merlon` files alone.
    link(ROOT, "merlon-mapper");
    const tsconfig = JSON.stringify(SEVEN).replace('"merlon"', '"merlon-mapper"');
    const project = {
      tsconfig,
      typescript: nativeTypeScript("typescript-7.1"),
      files: { "main.workflow.ts": undefined },
    };
    expect(run(["tsc"], project)).toEqual({ status: 0, errors: [], said: "" });
  });

  test("mistakes in each kind of file are reported at their places, and nothing else is", () => {
    const files = {
      "shared.merlon": FILES["shared.merlon"].replace('"age"]', '"agee"]'),
      "main.workflow.ts": FILES["main.workflow.ts"].replace('"city"]', '"town"]'),
      "uses.ts": `${FILES["uses.ts"]}const wrong: number = "text";\n`,
    };
    const { status, errors, said } = run(["tsc"], { files });
    const places = errors.map(line => line.slice(0, line.indexOf(":")));
    expect([status, places.toSorted(), said]).toEqual([
      2,
      ["src/main.workflow.ts(4,43)", "src/shared.merlon(3,27)", "src/uses.ts(4,14)", "src/uses.ts(8,7)"],
      "",
    ]);
    expect(errors.find(line => line.startsWith("src/shared.merlon"))).toContain("agee");
  });
});

describe("broken projects", () => {
  const broken = '{\n  // settings\n  "compilerOptions": { "skipLibCheck": true }\n  "include": ["src"]\n}\n';

  test("a tsconfig.json that is not JSON is named with its line", () => {
    const { status, said } = run(["tsc", "--noEmit"], { tsconfig: broken });
    expect([status, said]).toEqual([
      2,
      expect.stringMatching(/^note: \S+tsconfig\.json:4:3: the configuration is not valid JSON; correct it first\.\n$/),
    ]);
    expect(run(["check", "src/main.workflow.ts"], { tsconfig: broken })).toMatchObject({
      status: 0,
      said: expect.stringMatching(/^note: \S+tsconfig\.json:4:3: the configuration is not valid JSON; .*\n$/),
    });
  });
});
