// The plugin in a live tsserver, with VS Code's requests.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
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
