// The content mapper in TypeScript 7.1's live language server, and by hand.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isMerlonFile } from "#compiler/1-rewrite/file-form.js";
import { mapFile } from "#compiler/editor/mapped-file.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { type NativeEditor, type Position, startNativeEditor } from "./native-server.js";
import { DEFAULT_CONFIG } from "./tsserver.js";

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
