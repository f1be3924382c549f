/**
 * What an editor and `merlon tsc` make of one program with one mistake, by TypeScript and by form of the file: each cell of the table in
 * docs/guides/editors.md is measured with the live server and the live command.
 */
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compile } from "#compiler/index.js";
import { MERLON } from "../../needs/built.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { type NativeEditor, type Position, startNativeEditor } from "./native-server.js";
import { DEFAULT_CONFIG, type Editor, type Place, projectFolder, startEditor } from "./tsserver.js";

export const TYPESCRIPTS = {
  "TypeScript 6": dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
  "TypeScript 7.0": nativeTypeScript("typescript-7.0"),
  "TypeScript 7.1-dev": nativeTypeScript("typescript-7.1"),
} as const;
export type Which = keyof typeof TYPESCRIPTS;

const OPERATORS = {
  main: (shared: string) => `import { clip, workflow } from "merlon";
import { user } from "${shared}";
const wrong = user["agee"] >> clip({ min: 0 });
const price = user["age"] >> clip({ min: 0 });
export default workflow("w", price + user["city"]);
`,
  shared: 'import { source } from "merlon";\nexport const user = source({ age: "float32", city: "string" });\n',
};
const METHODS = {
  main: (shared: string) => `import { clip, workflow } from "merlon";
import { user } from "${shared}";
const wrong = user.pick("agee").pipe(clip({ min: 0 }));
const price = user.pick("age").pipe(clip({ min: 0 }));
export default workflow("w", price.plus(user.pick("city")));
`,
  shared: OPERATORS.shared,
};

export const FORMS = {
  "operators in `.workflow.ts`": {
    ...OPERATORS,
    main: OPERATORS.main("./shared.workflow.js"),
    name: "main.workflow.ts",
    from: "shared.workflow.ts",
  },
  "operators in `.merlon`": {
    ...OPERATORS,
    main: OPERATORS.main("./shared.merlon"),
    name: "main.merlon",
    from: "shared.merlon",
  },
  "methods in `.workflow.ts`": {
    ...METHODS,
    main: METHODS.main("./shared.workflow.js"),
    name: "main.workflow.ts",
    from: "shared.workflow.ts",
  },
} as const;
export type Form = keyof typeof FORMS;

export const FEATURES = ["check", "tsc", "diagnostics", "hover", "completion", "definition", "rename"] as const;
export type Features = Record<(typeof FEATURES)[number], boolean>;

const CONFIG = {
  ...DEFAULT_CONFIG,
  contentMappers: [{ package: "merlon", extensions: [".merlon"] }],
  // The program alone: the samples' artefacts have one of their own.
  include: ["*"],
};

/** An editor, seen alike: lines from 1. */
interface View {
  problems(): Promise<readonly { readonly line: number; readonly text: string }[]>;
  hover(mark: string): Promise<string>;
  names(mark: string, plus: number): Promise<readonly string[]>;
  definition(mark: string): Promise<string>;
  renamed(mark: string): Promise<number>;
}

export async function measure(which: Which, form: Form): Promise<Features> {
  const { main, shared, name, from } = FORMS[form];
  const editor = which === "TypeScript 6" ? startEditor(CONFIG) : await startNativeEditor(TYPESCRIPTS[which], CONFIG);
  try {
    writeFileSync(join(editor.folder, from), shared);
    const view =
      which === "TypeScript 6" ? old(editor as Editor, name, main) : native(editor as NativeEditor, name, main);
    const settled = async <T>(work: Promise<T>): Promise<T | undefined> =>
      Promise.race([work.catch(() => undefined), setTimeout(60_000, undefined, { ref: false })]);
    const problems = await settled(view.problems());
    const wrong = main.slice(0, main.indexOf("agee")).split("\n").length;
    const names = await settled(view.names('"agee"', 1));
    return {
      check: await check(editor.folder, form),
      tsc: tsc(which, form),
      // The mistake alone, and in words that name the column.
      diagnostics: problems?.length === 1 && problems[0]!.line === wrong && problems[0]!.text.includes("agee"),
      hover: (await settled(view.hover("price =")))?.includes('Node<"float32 age"') === true,
      completion: ["age", "city"].every(column => names?.includes(column)),
      definition:
        (await settled(view.definition(main.includes('user["age"]') ? 'user["age"]' : 'user.pick("age")')))?.endsWith(
          `${from}:2`,
        ) === true,
      rename: (await settled(view.renamed("price ="))) === 2,
    };
  } finally {
    await editor.close();
  }
}

/** Whether the compiler, which brings its own TypeScript, reports the mistake at its line, and nothing else. */
async function check(folder: string, form: Form): Promise<boolean> {
  const { name } = FORMS[form];
  const { diagnostics } = await compile(join(folder, name));
  const [only, ...others] = diagnostics;
  const at = FORMS[form].main.indexOf('"agee"');
  return others.length === 0 && only?.site.start === at && only.message.includes("agee");
}

/** Whether `merlon tsc` reports the mistake at its line, and nothing else. */
function tsc(which: Which, form: Form): boolean {
  const { main, shared, name, from } = FORMS[form];
  const { folder, remove } = projectFolder(CONFIG);
  try {
    const typescript = TYPESCRIPTS[which];
    symlinkSync(typescript, join(folder, "node_modules", "typescript"));
    writeFileSync(join(folder, name), main);
    writeFileSync(join(folder, from), shared);
    const { stdout } = spawnSync(process.execPath, [MERLON, "tsc", "--noEmit"], { cwd: folder, encoding: "utf8" });
    const errors = stdout.split("\n").filter(line => /error TS/.test(line));
    return errors.length === 1 && errors[0]!.startsWith(`${name}(3,`) && errors[0]!.includes("agee");
  } finally {
    remove();
  }
}

const lineOf = (text: string, mark: string, plus = 0): Position => {
  const before = text.slice(0, text.indexOf(mark) + plus).split("\n");
  return { line: before.length - 1, character: before.at(-1)!.length };
};

function old(editor: Editor, name: string, text: string): View {
  const file = editor.open(name, text);
  const at = (mark: string, plus = 0): Place => {
    const { line, character } = lineOf(text, mark, plus);
    return { line: line + 1, offset: character + 1 };
  };
  return {
    problems: async () =>
      (await editor.ask<{ start: Place; text: string }[]>("semanticDiagnosticsSync", { file })).map(p => ({
        line: p.start.line,
        text: p.text,
      })),
    hover: async mark =>
      (await editor.ask<{ displayString: string }>("quickinfo", { file, ...at(mark) })).displayString,
    names: async (mark, plus) =>
      (await editor.ask<{ entries: { name: string }[] }>("completionInfo", { file, ...at(mark, plus) })).entries.map(
        e => e.name,
      ),
    definition: async mark => {
      const { definitions } = await editor.ask<{ definitions: { file: string; start: Place }[] }>(
        "definitionAndBoundSpan",
        {
          file,
          ...at(mark),
        },
      );
      return `${definitions[0]?.file}:${definitions[0]?.start.line}`;
    },
    renamed: async mark =>
      (await editor.ask<{ locs: { locs: unknown[] }[] }>("rename", { file, ...at(mark) })).locs.flatMap(l => l.locs)
        .length,
  };
}

function native(editor: NativeEditor, name: string, text: string): View {
  const uri = editor.open(name, text);
  const at = (mark: string, plus = 0) => ({ textDocument: { uri }, position: lineOf(text, mark, plus) });
  interface Problem {
    readonly range: { readonly start: Position };
    readonly severity: number;
    readonly message: string;
  }
  return {
    problems: async () =>
      (await editor.ask<{ items: readonly Problem[] }>("textDocument/diagnostic", { textDocument: { uri } })).items
        .filter(({ severity }) => severity === 1)
        .map(({ range, message }) => ({ line: range.start.line + 1, text: message })),
    hover: async mark =>
      JSON.stringify(
        (await editor.ask<{ contents: { value: string } }>("textDocument/hover", at(mark))).contents.value,
      ).replaceAll('\\"', '"'),
    names: async (mark, plus) =>
      (await editor.ask<{ items: { label: string }[] }>("textDocument/completion", at(mark, plus))).items.map(
        item => item.label,
      ),
    definition: async mark => {
      const [first] = await editor.ask<{ uri: string; range: { start: Position } }[]>(
        "textDocument/definition",
        at(mark),
      );
      return first ? `${fileURLToPath(first.uri)}:${first.range.start.line + 1}` : "";
    },
    renamed: async mark => {
      const { changes } = await editor.ask<{ changes: Record<string, unknown[]> }>("textDocument/rename", {
        ...at(mark),
        newName: "cost",
      });
      return changes[uri]?.length ?? 0;
    },
  };
}
