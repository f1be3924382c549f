// The plugin in a live tsserver, with VS Code's requests.
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MERLON } from "../../needs/built.js";
import { DEFAULT_CONFIG, type Editor, type Place, placeOf, startEditor } from "./tsserver.js";

const SAMPLES = join(import.meta.dirname, "../../samples");

interface Problem {
  readonly start: Place;
  readonly end: Place;
  readonly text: string;
  readonly source?: string;
}

let editor: Editor;
beforeAll(() => {
  editor = startEditor();
});
afterAll(() => editor.close());

const HEAD = `import { clip, categorify, logOp, queryFeast, source, unrollFeatures, workflow } from "merlon";
const user = source({ age: "float32", city: "string" });
`;
let files = 0;
const open = (body: string, name = `file${files++}.workflow.ts`) => {
  const text = HEAD + body;
  return { text, file: editor.open(name, text) };
};
const problems = (file: string) => editor.ask<Problem[]>("semanticDiagnosticsSync", { file });
/** The marked text, and its message. */
const said = async (file: string, text: string) =>
  (await problems(file)).map(({ start, end, text: message }) => {
    const lines = text.split("\n");
    return [
      lines[start.line - 1]!.slice(start.offset - 1, start.line === end.line ? end.offset - 1 : undefined),
      message,
    ];
  });

describe("no false errors", () => {
  const names = readdirSync(SAMPLES).filter(n => !n.startsWith("error-") && n !== "artefacts");
  test.each(names)("%s", async name => {
    const main = readdirSync(join(SAMPLES, name)).find(f => f.startsWith("main."))!;
    cpSync(join(SAMPLES, name), join(editor.folder, name), { recursive: true });
    const file = editor.open(join(name, main), readFileSync(join(SAMPLES, name, main), "utf8"));
    expect(await problems(file)).toEqual([]);
    expect(await editor.ask("syntacticDiagnosticsSync", { file })).toEqual([]);
  });

  test("a plain file that uses a program's nodes", async () => {
    open("export const price = user['age'] >> clip({ min: 0 });\n", "shared.workflow.ts");
    const text = 'import { price } from "./shared.workflow.js";\nexport const age: "float32 age" = price.columns;\n';
    const file = editor.open("uses.ts", text);
    expect(await problems(file)).toEqual([]);
    editor.type(file, text.replace('"float32 age"', '"int64 age"'));
    expect((await said(file, text))[0]![1]).toContain("Type '\"float32 age\"' is not assignable");
  });
});

test("imports between TypeScript files and files of the foreign extension are typed", async () => {
  open("export const age = user['age'];\n", "foreign.merlon");
  const text = 'import { age } from "./foreign.merlon";\nexport const column: "int64 age" = age.columns;\n';
  const file = editor.open("uses-foreign.ts", text);
  expect(await said(file, text)).toEqual([
    ["column", "Type '\"float32 age\"' is not assignable to type '\"int64 age\"'."],
  ]);
  const program = `import { clip } from "merlon";\nimport { age } from "./foreign.merlon";\nexport const a = age["agee"] >> clip({ min: 0 });\n`;
  const other = editor.open("other-foreign.merlon", program);
  expect(await said(other, program)).toEqual([
    ['"agee"', expect.stringContaining("No column `agee` in this node. Upstream has `age`.")],
  ]);
});

describe("mistakes are marked at the operand, in the compiler's words", () => {
  test.each([
    [
      'const a = user["agee"] >> clip({ min: 0 });',
      '"agee"',
      "No column `agee` in this node. Upstream has `age`, `city`. Did you mean `age`?\nPick a column that the node has, or make it before.",
    ],
    [
      "const a = user >> clip({ min: 0 });",
      "clip({ min: 0 })",
      "`clip` works on numbers, but `string city` is text\nEncode the text first, `>> categorify()`, or leave the column out.",
    ],
    [
      "const a = user >> logOp;",
      "logOp",
      "Right of >> must be an operator, such as clip({ min: 0 })\nCall the operator: `>> clip({ min: 0 })`.",
    ],
    [
      'const a = (["age"] >> categorify()) + user;',
      "user",
      'Both sides of + provide `age`: drop or rename one\nWrite `(left - "name") + right`, `>> rename({ prefix: "left_" })`, or `left.plus(right, { wins: "right" })`.',
    ],
    [
      "let a = user; a >>= clip({ min: 0 });",
      ">>=",
      "`>>=` would change what `a` is in the middle of the graph. [rewrite/compound-assignment]\nGive the result a name of its own: `const next = a >> clip({ min: 0 })`.",
    ],
    ["const a: number = 'text';", "a", "Type 'string' is not assignable to type 'number'."],
  ])("%s", async (body, mark, message) => {
    const { file, text } = open(`${body}\n`);
    expect(await said(file, text)).toEqual([[mark, message]]);
  });

  test("all of a file at once, and none when they are corrected", async () => {
    const { file, text } = open('const a = user["x"];\nconst b = user["y"];\n');
    expect((await said(file, text)).map(([mark]) => mark)).toEqual(['"x"', '"y"']);
    editor.type(file, `${HEAD}const a = user["age"];\nconst b = user["city"];\n`);
    expect(await problems(file)).toEqual([]);
  });
});

describe("completion", () => {
  test.each([
    'const a = user["|"];',
    'const a = user["|"] >> clip({ min: 0 });',
    'const a = user["|',
    'const a = user["ag|',
    'const a = user[["|"]];',
    'const a = user[["age", "|"]];',
    'const a = ["|"] >> clip({ min: 0 });',
    'const a = user - "|";',
    'const a = user.pick("|").pipe(clip({ min: 0 }));',
    'const a = user >> queryFeast("features", { view: "v", entityColumn: "|" });',
    'const a = user >> unrollFeatures("|", user);',
  ])("of columns: %s", async body => {
    const { file, text } = open(`${body.replace("|", "")}\n`);
    const at = placeOf(`${HEAD}${body}`, "|", 0);
    const found = await editor.ask<{ entries: { name: string; labelDetails?: { description?: string } }[] }>(
      "completionInfo",
      {
        file,
        ...at,
      },
    );
    expect(found.entries.map(e => [e.name, e.labelDetails?.description])).toEqual([
      ["age", "float32"],
      ["city", "string"],
    ]);
    expect(text).toContain("user");
  });

  test("of columns in a plain file, in method form", async () => {
    const text = 'import { source } from "merlon";\nconst user = source({ age: "float32" });\nuser.pick([""]);\n';
    const file = editor.open("plain.ts", text);
    const found = await editor.ask<{ entries: { name: string }[] }>("completionInfo", {
      file,
      ...placeOf(text, '""', 1),
    });
    expect(found.entries.map(e => e.name)).toEqual(["age"]);
  });

  test("of names leaves the rewriter's helpers out", async () => {
    const { file, text } = open("const a = user >> ;\n");
    const found = await editor.ask<{ entries: { name: string }[] }>("completionInfo", {
      file,
      ...placeOf(text, ">> ;", 3),
    });
    const names = found.entries.map(e => e.name);
    expect(names).toContain("categorify");
    expect(names.filter(name => name.startsWith("$"))).toEqual([]);
  });
});

describe("hover, definition, references, rename", () => {
  test("a hover shows columns", async () => {
    const { file, text } = open(
      'const price = user["age"] >> clip({ min: 0 });\nexport default workflow("w", price);\n',
    );
    const hover = async (mark: string, plus = 0) =>
      (await editor.ask<{ displayString: string }>("quickinfo", { file, ...placeOf(text, mark, plus) })).displayString;
    expect(await hover("price =")).toBe('const price: Node<"float32 age", "float32 age" | "string city">');
    // The rewritten text has a helper's name just before an operand.
    expect(await hover('user["age"]')).toBe(
      'const user: Node<"float32 age" | "string city", "float32 age" | "string city">',
    );
    expect(await hover("clip({ min")).toContain("clip(bounds: ");
  });

  test("a definition is the author's, or Merlon's declaration", async () => {
    const { file, text } = open('const a = user["age"] >> clip({ min: 0 });\n');
    const define = (place: Place) =>
      editor.ask<{ definitions: { file: string; start: Place }[] }>("definitionAndBoundSpan", { file, ...place });
    const own = await define(placeOf(text, 'user["age"]'));
    expect(own.definitions.map(d => [d.file, d.start])).toEqual([[file, placeOf(text, "user =")]]);
    const operator = await define(placeOf(text, "clip({"));
    expect(operator.definitions.map(d => d.file.split("/").slice(-2).join("/"))).toEqual(["clip/author.d.ts"]);
  });

  test("references and rename stay in the author's text", async () => {
    const { file, text } = open("const left = user - 'city';\nconst both = left >> clip({ min: 0 });\n");
    const { refs } = await editor.ask<{ refs: { start: Place; lineText: string }[] }>("references", {
      file,
      ...placeOf(text, "left ="),
    });
    expect(refs.map(r => r.start)).toEqual([placeOf(text, "left ="), placeOf(text, "left >>")]);
    expect(refs[1]!.lineText).toBe("const both = left >> clip({ min: 0 });");
    const renamed = await editor.ask<{ locs: { locs: { start: Place }[] }[] }>("rename", {
      file,
      ...placeOf(text, "left ="),
    });
    const places = renamed.locs[0]!.locs.map(l => l.start).sort((a, b) => a.line - b.line);
    expect(places).toEqual([placeOf(text, "left ="), placeOf(text, "left >>")]);
  });
});

describe("what an editor shows of the text is the author's, without the rewriter's glue", () => {
  const BODY = `/** Of a user. */
const price = user["age"] >> clip({
  min: 0,
});
export function two() { return 1 + 1; }
export default workflow("w", price + user["city"]);
`;
  const ranged = (text: string, mark: string) => {
    const [start, end] = [placeOf(text, mark), placeOf(text, mark, mark.length)];
    return { startLine: start.line, startOffset: start.offset, endLine: end.line, endOffset: end.offset };
  };
  type Range = { readonly start: Place; readonly end: Place };

  test("outline and folding", async () => {
    const { file, text } = open(BODY);
    interface Item {
      readonly text: string;
      readonly spans: readonly Range[];
      readonly nameSpan?: Range;
      readonly childItems?: readonly Item[];
    }
    const { childItems = [], spans } = await editor.ask<Item>("navtree", { file });
    const named = (name: string) => childItems.find(item => item.text === name)?.nameSpan?.start;
    expect([named("price"), named("two")]).toEqual([placeOf(text, "price ="), placeOf(text, "two()")]);
    expect(childItems.filter(item => item.text.startsWith("$"))).toEqual([]);
    expect(spans[0]!.end.line).toBeLessThanOrEqual(text.split("\n").length);
    const folds = await editor.ask<{ textSpan: Range }[]>("getOutliningSpans", { file });
    expect(folds.map(({ textSpan }) => textSpan)).toContainEqual({
      start: placeOf(text, "{\n  min"),
      end: placeOf(text, "});\nexport", 1),
    });
  });

  test("selections, braces and comments", async () => {
    const { file, text } = open(BODY);
    const at = placeOf(text, 'price + user["city"]', 2);
    interface Selection {
      readonly textSpan: Range;
      readonly parent?: Selection;
    }
    const [selection] = await editor.ask<Selection[]>("selectionRange", { file, locations: [at] });
    const [name, operation] = [selection!.textSpan, selection!.parent!.textSpan];
    expect(name).toEqual({ start: placeOf(text, "price +"), end: placeOf(text, "price +", 5) });
    expect(operation.start).toEqual(placeOf(text, "price +"));
    expect(operation.end).toEqual(placeOf(text, ");", text.lastIndexOf(");") - text.indexOf(");")));
    const braces = await editor.ask<Range[]>("brace", { file, ...placeOf(text, "({\n", 1) });
    expect(braces.map(({ start }) => start)).toEqual([placeOf(text, "({\n", 1), placeOf(text, "});\nexport")]);
    const comment = await editor.ask<{ newText: string }>("docCommentTemplate", { file, ...placeOf(text, "export f") });
    expect(comment.newText).toBe("/** */");
  });

  test("formatting changes space alone", async () => {
    const { file, text } = open('const price=user["age"]>>clip({min:0})>>logOp();\n');
    const changes = await editor.ask<(Range & { newText: string })[]>("format", {
      file,
      ...placeOf(text, "import"),
      endLine: 4,
      endOffset: 1,
    });
    const lines = text.split("\n");
    const offset = ({ line, offset: column }: Place) =>
      lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
    const formatted = changes.reduceRight(
      (out, { start, end, newText }) => out.slice(0, offset(start)) + newText + out.slice(offset(end)),
      text,
    );
    expect(formatted.split("\n")[2]).toBe('const price = user["age"] >> clip({ min: 0 }) >> logOp();');
  });

  test("a missing import is added to the author's, or above the text", async () => {
    const main = 'import { source } from "merlon";\nexport const a = source({ a: "float32" }) >> clip({ min: 0 });\n';
    const alone = main.replace(/import.*\n/, "");
    for (const [text, added] of [
      [main, { line: 1, offset: 10, newText: "clip, " }],
      [alone, { line: 1, offset: 1, newText: 'import { clip } from "merlon";\n\n' }],
    ] as const) {
      const file = editor.open(`file${files++}.workflow.ts`, text);
      const fixes = await editor.ask<{ changes: { textChanges: (Range & { newText: string })[] }[] }[]>(
        "getCodeFixes",
        { file, ...ranged(text, "clip"), errorCodes: [2304] },
      );
      const made = fixes.flatMap(({ changes }) => changes.flatMap(({ textChanges }) => textChanges));
      expect(made.map(({ start, newText }) => ({ ...start, newText }))).toContainEqual(added);
    }
  });

  test("imports are organized among themselves", async () => {
    const text =
      'import { workflow, source, logOp } from "merlon";\nexport default workflow("w", source({ a: "float32" })["a"]);';
    const file = editor.open(`file${files++}.workflow.ts`, text);
    const scope = { scope: { type: "file", args: { file } } };
    const [changed, ...others] = await editor.ask<{ textChanges: (Range & { newText: string })[] }[]>(
      "organizeImports",
      scope,
    );
    expect(others).toEqual([]);
    expect(changed!.textChanges.map(({ newText }) => newText)).toEqual([
      'import { source, workflow } from "merlon";\n',
    ]);
  });

  test("a refactoring is offered for verbatim text alone", async () => {
    const { file, text } = open(BODY);
    const offered = async (mark: string) =>
      (await editor.ask<{ name: string }[]>("getApplicableRefactors", { file, ...ranged(text, mark) })).map(
        r => r.name,
      );
    expect(await offered("1 + 1")).toContain("Extract Symbol");
    expect(await offered('price + user["city"]')).toEqual([]);
    const { edits } = await editor.ask<{ edits: { textChanges: Range[] }[] }>("getEditsForRefactor", {
      file,
      ...ranged(text, "1 + 1"),
      refactor: "Extract Symbol",
      action: "constant_scope_0",
    });
    const places = edits.flatMap(({ textChanges }) => textChanges.map(({ start }) => start.line));
    expect(places).toEqual([7, 7]);
  });
});

describe("types of artefacts, from merlon-env.d.ts", () => {
  const program = `import { ensemble, queryFaiss, queryFeast, source, transformWorkflow } from "merlon";
const request = source({ user_id: "int64" });
const user = request >> queryFeast("artefacts/features", { view: "user_features" });
const query = request >> transformWorkflow("artefacts/etl/user");
export default ensemble("x", user);
`;
  // The second project's tsconfig leaves the file out, as one that lists its programs does.
  test.each([
    ["a project that includes it", undefined],
    ["a project that does not", ["*.ensemble.ts"]],
  ])("%s", async (_, include) => {
    const other = startEditor(include && { ...DEFAULT_CONFIG, include });
    try {
      writeFileSync(join(other.folder, "main.ensemble.ts"), program);
      const merlon = MERLON;
      execFileSync(process.execPath, [merlon, "typegen", "main.ensemble.ts"], { cwd: other.folder });
      const file = other.open("main.ensemble.ts", program);
      const ask = <T>(command: string, place: Place) => other.ask<T>(command, { file, ...place });
      const hover = await ask<{ displayString: string }>("quickinfo", placeOf(program, "user ="));
      expect(hover.displayString).toContain("list<int64> purchased_ids");
      const found = await other.ask<Problem[]>("semanticDiagnosticsSync", { file });
      expect(found.map(d => d.text.split("\n")[0])).toEqual([
        "`artefacts/etl/user` needs column `float32 age`, which nothing upstream provides; `artefacts/etl/user` needs column `string city`, which nothing upstream provides. Upstream has `user_id`.",
      ]);
      const offered = async (mark: string) =>
        (await ask<{ entries: { name: string }[] }>("completionInfo", placeOf(program, mark, 1))).entries.map(
          e => e.name,
        );
      expect(await offered('"user_features"')).toContain("item_features");
      expect(await offered('"artefacts/etl/user"')).toContain("artefacts/etl/user");
    } finally {
      await other.close();
    }
  });
});

test("half-typed programs are answered, inside the file", async () => {
  const whole = readFileSync(join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts"), "utf8");
  const file = editor.open("typing.ensemble.ts", "");
  for (let length = 150; length < whole.length; length += 61) {
    const text = whole.slice(0, length);
    editor.type(file, text);
    const lines = text.split("\n");
    for (const { start, end } of await problems(file)) {
      expect(start.line >= 1 && end.line <= lines.length).toBe(true);
      expect(end.offset).toBeLessThanOrEqual(lines[end.line - 1]!.length + 1);
    }
    const at = { line: lines.length, offset: lines.at(-1)!.length + 1 };
    await editor.ask("completionInfo", { file, ...at });
    await editor.ask("quickinfo", { file, ...at });
  }
});
