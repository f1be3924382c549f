// The content mapper in TypeScript 7.1's live language server, and by hand.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { operatorAdvice } from "#cli/project-typescript.js";
import { isMerlonFile } from "#compiler/1-rewrite/file-form.js";
import { mapFile } from "#compiler/editor/mapped-file.js";
import { builtFile, MERLON } from "../../needs/built.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { type NativeEditor, type Position, startNativeEditor } from "./native-server.js";
import { DEFAULT_CONFIG, projectFolder } from "./tsserver.js";

const SAMPLES = join(import.meta.dirname, "../../samples");
const CONFIG = {
  ...DEFAULT_CONFIG,
  contentMappers: [{ package: "merlon", extensions: [".merlon"] }],
  include: ["*", "cases/*"],
};

interface Problem {
  readonly range: { readonly start: Position; readonly end: Position };
  readonly severity: number;
  readonly message: string;
  readonly source: string;
}

describe("the language server", () => {
  let editor: NativeEditor;
  beforeAll(async () => {
    editor = await startNativeEditor(nativeTypeScript("typescript-7.1"), CONFIG);
  });
  afterAll(() => editor.close());
  const problems = async (uri: string) =>
    (
      await editor.ask<{ items: readonly Problem[] }>("textDocument/diagnostic", { textDocument: { uri } })
    ).items.filter(({ severity }) => severity === 1);
  const marked = async (uri: string, text: string) =>
    (await problems(uri)).map(({ range, message, source }) => [
      source,
      text.split("\n")[range.start.line]!.slice(range.start.character, range.end.character),
      message,
    ]);

  test("samples have no false errors", async () => {
    const names = readdirSync(SAMPLES).filter(name => /^(ensemble|workflow)-/.test(name) && !name.endsWith("-method"));
    const found: unknown[] = [];
    for (const name of names) {
      const main = readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!;
      if (readdirSync(join(SAMPLES, name)).filter(isMerlonFile).length > 1) continue;
      const text = readFileSync(join(SAMPLES, name, main), "utf8");
      const uri = editor.open(`cases/${name}.merlon`, text);
      for (const problem of await marked(uri, text)) found.push([name, ...problem]);
    }
    expect(names.length).toBeGreaterThan(15);
    expect(found).toEqual([]);
  });

  test("mistakes are marked at the operand, and follow what is typed", async () => {
    const head =
      'import { clip, source } from "merlon";\nexport const user = source({ age: "float32", city: "string" });\n';
    const text = `${head}export const a = user["agee"] >> clip({ min: 0 });\nexport const b = user >> clip({ min: 0 });\n`;
    const uri = editor.open("typed.merlon", text);
    expect(await marked(uri, text)).toEqual([
      ["ts", '"agee"', expect.stringContaining('no column \\"agee\\" in this node')],
      ["ts", "clip({ min: 0 })", expect.stringContaining('clip works on numbers, but \\"string city\\" is text')],
    ]);
    const corrected = text.replace("agee", "age").replace("user >> clip", 'user["age"] >> clip');
    editor.type(uri, corrected);
    expect(await marked(uri, corrected)).toEqual([]);
  });

  test("the rewriter's findings replace their consequences in TypeScript", async () => {
    const text =
      'import { clip, source } from "merlon";\nlet a = source({ age: "float32" });\na >>= clip({ min: 0 });\nexport const b = a;\n';
    const uri = editor.open("finding.merlon", text);
    expect(await marked(uri, text)).toEqual([
      [
        "merlon",
        ">>=",
        expect.stringContaining("would change what `a` is in the middle of the graph. [rewrite/compound-assignment]"),
      ],
    ]);
  });

  test("a TypeScript file sees the types of a program", async () => {
    editor.open(
      "shared.merlon",
      'import { source } from "merlon";\nexport const age = source({ age: "float32" })["age"];\n',
    );
    const text = 'import { age } from "./shared.merlon";\nexport const column: "int64 age" = age.columns;\n';
    const uri = editor.open("uses.ts", text);
    expect((await problems(uri)).map(({ message }) => message)).toEqual([
      "Type '\"float32 age\"' is not assignable to type '\"int64 age\"'.",
    ]);
  });

  test("half-typed programs are answered, inside the file", async () => {
    const whole = readFileSync(join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts"), "utf8");
    const uri = editor.open("typing.merlon", "");
    for (let length = 150; length < whole.length; length += 241) {
      const text = whole.slice(0, length);
      editor.type(uri, text);
      const lines = text.split("\n");
      for (const { range } of await problems(uri)) {
        expect(range.end.line).toBeLessThan(lines.length);
        expect(range.end.character).toBeLessThanOrEqual(lines[range.end.line]!.length);
      }
    }
  });
});

test("in a workspace that is not trusted the mapper does not run, and an import says so", async () => {
  const editor = await startNativeEditor(nativeTypeScript("typescript-7.1"), CONFIG, false);
  try {
    editor.open(
      "shared.merlon",
      'import { source } from "merlon";\nexport const age = source({ age: "float32" })["age"];\n',
    );
    const uri = editor.open("uses.ts", 'import { age } from "./shared.merlon";\nexport const column = age.columns;\n');
    const { items } = await editor.ask<{ items: readonly Problem[] }>("textDocument/diagnostic", {
      textDocument: { uri },
    });
    expect(items.map(({ message }) => message)).toEqual([
      "Cannot find module './shared.merlon' or its corresponding type declarations.",
    ]);
  } finally {
    await editor.close();
  }
});

describe("a mapped file", () => {
  const files = readdirSync(SAMPLES)
    .filter(name => name !== "artefacts")
    .flatMap(name =>
      readdirSync(join(SAMPLES, name))
        .filter(isMerlonFile)
        .map(file => join(SAMPLES, name, file)),
    );

  test("maps equal texts in order, and ignores disjoint ranges", () => {
    for (const file of files) {
      const content = readFileSync(file, "utf8");
      const { text, mappings, diagnostics, diagnosticDirectives } = mapFile(content, file, undefined);
      let end = 0;
      for (const [virtual, length, source, sourceLength] of mappings) {
        expect(virtual).toBeGreaterThanOrEqual(end);
        expect(length).toBe(sourceLength);
        expect(text.slice(virtual, virtual + length)).toBe(content.slice(source, source + length));
        end = virtual + length;
      }
      let last = 0;
      for (const [source, length, from, to] of diagnosticDirectives.directives) {
        expect(from).toBeGreaterThanOrEqual(last);
        expect(to).toBeGreaterThan(from);
        expect(source + length).toBeLessThanOrEqual(content.length);
        last = to;
      }
      for (const { start, length } of diagnostics) expect(start + length).toBeLessThanOrEqual(content.length);
    }
    expect(files.length).toBeGreaterThan(60);
  });
});

describe("the mapper's process", () => {
  const MAPPER = builtFile("compiler/editor/content-mapper.js");
  const frame = (message: object, head = "Content-Length: ") => {
    const body = JSON.stringify({ jsonrpc: "2.0", ...message });
    return `${head}${Buffer.byteLength(body)}\r\n\r\n${body}`;
  };
  const answers = (output: string) =>
    output
      .split(/Content-Length: \d+\r\n\r\n/)
      .slice(1)
      .map(text => JSON.parse(text));
  const run = (input: string) => spawnSync(process.execPath, [MAPPER], { input, encoding: "utf8", timeout: 60_000 });

  test("answers in frames, refuses an unknown method, and ends with its input", () => {
    const content = 'import { source } from "merlon";\nexport const é = source({ "ü": "int64" })["ü"];\n';
    const { stdout, status } = run(
      [
        frame({ id: "api1", method: "initialize", params: { positionEncodings: ["utf-8", "utf-16"] } }),
        frame({ id: 2, method: "transform", params: { fileName: "/x/a.merlon", content, projectHandle: "p" } }),
        frame({ method: "note" }),
        frame({ id: 3, method: "format" }),
      ].join(""),
    );
    const said = answers(stdout).toSorted((a, b) => String(a.id).localeCompare(String(b.id)));
    expect(said.map(({ id }) => id)).toEqual([2, 3, "api1"]);
    expect(said[2].result).toEqual({ positionEncoding: "utf-16", diagnosticSource: "merlon" });
    expect(said[0].result.text).toContain('$pick(source({ "ü": "int64" }');
    expect(said[1].error).toEqual({ code: -32601, message: "merlon's content mapper has no method format" });
    expect(status).toBe(0);
  });

  test.each([
    ["a length beyond the bound", "Content-Length: 99999999999\r\n\r\n{}"],
    ["no length", "Content-Type: x\r\n\r\n{}"],
    ["a head without an end", "x".repeat(10_000)],
    ["what is no JSON", "Content-Length: 3\r\n\r\n{,}"],
  ])("ends at %s", (_, input) => {
    const { status, stderr } = run(input);
    expect([status, stderr]).toEqual([1, "merlon's content mapper: the input is not a message of TypeScript's\n"]);
  });

  test("takes messages in pieces", async () => {
    const mapper = spawn(process.execPath, [MAPPER], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    mapper.stdout.on("data", chunk => {
      output += chunk;
    });
    for (const byte of frame({ id: 1, method: "openProject", params: {} })) mapper.stdin.write(byte);
    mapper.stdin.end();
    await new Promise(done => mapper.once("close", done));
    expect(answers(output)).toEqual([{ jsonrpc: "2.0", id: 1, result: {} }]);
  });
});

describe("what to do where operators do not show", () => {
  const OPERATORS =
    'import { clip, source, workflow } from "merlon";\nexport default workflow("w", source({ a: "float32" })["a"] >> clip({ min: 0 }));\n';
  const old = join(import.meta.dirname, "../../../node_modules/typescript");
  const [seven, next] = [nativeTypeScript("typescript-7.0"), nativeTypeScript("typescript-7.1")];
  const plain = {
    compilerOptions: { module: "nodenext", strict: true, noEmit: true, types: [], skipLibCheck: true },
    include: ["*"],
  };
  const mapped = { ...plain, contentMappers: CONFIG.contentMappers };
  const plugged = { compilerOptions: { ...plain.compilerOptions, plugins: [{ name: "merlon" }] }, include: ["*"] };

  const inProject = <T>(typescript: string | undefined, config: object, work: (folder: string) => T): T => {
    const { folder, remove } = projectFolder(config);
    try {
      if (typescript !== undefined) symlinkSync(typescript, join(folder, "node_modules", "typescript"));
      return work(folder);
    } finally {
      remove();
    }
  };

  test.each([
    [
      "7.0",
      seven,
      mapped,
      "x.merlon",
      true,
      /^TypeScript 7\.0\.2 shows operators in no file: .*`merlon migrate \S*x\.merlon --to methods`\.$/,
    ],
    [
      "7.1, a TypeScript file",
      next,
      mapped,
      "x.workflow.ts",
      true,
      /^TypeScript 7\.1\.0-dev\.\d+\.\d reads operators in `\.merlon` files alone: run `merlon migrate \S*x\.workflow\.ts --to merlon`, or `--to methods`\.$/,
    ],
    [
      "7.1 without the mapper",
      next,
      plain,
      "x.merlon",
      true,
      /^TypeScript 7\.1\S* .* add `"contentMappers": .*` to .*tsconfig\.json\.$/,
    ],
    ["7.1, methods", next, plain, "x.workflow.ts", false, undefined],
    ["7.1 with the mapper", next, mapped, "x.merlon", true, undefined],
    [
      "6 without the plugin",
      old,
      mapped,
      "x.workflow.ts",
      true,
      /^TypeScript 6\.\S+ shows operators with Merlon's plugin: add `"plugins": .*tsconfig\.json\.$/,
    ],
    ["6 with the plugin", old, plugged, "x.merlon", true, undefined],
    ["no TypeScript", undefined, plain, "x.merlon", true, undefined],
    ["a file that is no program", seven, plain, "x.ts", true, undefined],
  ] as const)("%s", (_, typescript, config, name, usesOperators, sentence) => {
    const said = inProject(typescript, config, folder => operatorAdvice(join(folder, name), usesOperators));
    if (sentence) expect(said).toMatch(sentence);
    else expect(said).toBeUndefined();
  });

  test("an entry counts in a configuration that is extended, and a circle ends", () => {
    inProject(next, { extends: ["./base"] }, folder => {
      const mapper =
        '{ // comment\n"extends": "./tsconfig.json", "contentMappers": [{ "package": "merlon", "extensions": [".merlon"] }], }';
      writeFileSync(join(folder, "base.json"), mapper);
      expect(operatorAdvice(join(folder, "x.merlon"), true)).toBeUndefined();
      writeFileSync(join(folder, "base.json"), '{ "extends": "./tsconfig.json" }');
      expect(operatorAdvice(join(folder, "x.merlon"), true)).toContain("contentMappers");
      writeFileSync(join(folder, "base.json"), "{");
      expect(operatorAdvice(join(folder, "x.merlon"), true)).toMatch(
        /base\.json:1:2: the configuration is not valid JSON/,
      );
    });
  });

  test("two TypeScripts in one project", () => {
    inProject(old, plugged, folder => {
      mkdirSync(join(folder, "node_modules", "@typescript"));
      symlinkSync(next, join(folder, "node_modules", "@typescript", "native-preview"));
      expect(operatorAdvice(join(folder, "x.workflow.ts"), true)).toMatch(
        /^The project has two TypeScripts, 6\.\S+ and @typescript\/native-preview 7\.1\S+: operators show with the first/,
      );
    });
  });

  test("the commands end with the sentence", () => {
    inProject(next, plain, folder => {
      writeFileSync(join(folder, "x.workflow.ts"), OPERATORS);
      const run = (...words: string[]) =>
        spawnSync(process.execPath, [MERLON, ...words], { cwd: folder, encoding: "utf8" });
      const checked = run("check", "x.workflow.ts");
      expect([checked.status, checked.stderr]).toEqual([
        0,
        expect.stringMatching(/^note: TypeScript 7\.1.*--to methods`\.\n$/),
      ]);
      const compiled = run("tsc", "--noEmit");
      expect([compiled.status, compiled.stderr]).toEqual([
        2,
        expect.stringMatching(/^note: TypeScript 7\.1.*--to methods`\.\n$/),
      ]);
      expect(compiled.stdout).toContain("x.workflow.ts(2,");
    });
    inProject(undefined, plain, folder => {
      const { status, stderr } = spawnSync(process.execPath, [MERLON, "tsc"], { cwd: folder, encoding: "utf8" });
      expect([status, stderr]).toEqual([
        1,
        "merlon: there is no TypeScript in this project: install it with `npm install --save-dev typescript@6`.\n",
      ]);
    });
  });
});
