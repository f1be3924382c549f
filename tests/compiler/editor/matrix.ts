/**
 * Findings of an editor and of `merlon tsc` in one program with one mistake, by TypeScript and by form of the file. Each cell of the table in
 * docs/guides/editors.md is measured with the live server and the live command.
 */
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { compile } from "#compiler/index.js";
import { MERLON } from "../../needs/built.js";
import { nativeTypeScript } from "../../needs/typescripts.js";
import { type NativeEditor, type Position, startNativeEditor } from "./native-server.js";
import { DEFAULT_CONFIG, type Editor, type Place, startEditor } from "./tsserver.js";

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

/** A folder a form, in one project: the samples' artefacts have programs of their own. */
const folderOf = (form: Form): string => `form${(Object.keys(FORMS) as Form[]).indexOf(form)}`;

const CONFIG = {
  ...DEFAULT_CONFIG,
  contentMappers: [{ package: "merlon", extensions: [".merlon"] }],
  include: (Object.keys(FORMS) as Form[]).map(folderOf),
};

/** An editor, seen alike: lines from 1. */
interface View {
  problems(): Promise<readonly { readonly line: number; readonly text: string }[]>;
  hover(mark: string): Promise<string>;
  names(mark: string, plus: number): Promise<readonly string[]>;
  definition(mark: string): Promise<string>;
  renamed(mark: string): Promise<number>;
}

const isMerlon = (form: Form): boolean => FORMS[form].name.endsWith(".merlon");

/** Findings of one TypeScript in each form, by one server and one run of `merlon tsc`. */
export async function measure(which: Which): Promise<Record<Form, Features>> {
  const editor = which === "TypeScript 6" ? startEditor(CONFIG) : await startNativeEditor(TYPESCRIPTS[which], CONFIG);
  try {
    symlinkSync(TYPESCRIPTS[which], join(editor.folder, "node_modules", "typescript"));
    const forms = Object.keys(FORMS) as Form[];
    for (const form of forms) {
      const { main, shared, name, from } = FORMS[form];
      mkdirSync(join(editor.folder, folderOf(form)));
      writeFileSync(join(editor.folder, folderOf(form), name), main);
      writeFileSync(join(editor.folder, folderOf(form), from), shared);
    }
    const errors = tsc(editor.folder);
    const found = {} as Record<Form, Features>;
    // TypeScript 7.0's server ends when a file of an extension that it does not know is opened.
    for (const form of forms.toSorted((a, b) => Number(isMerlon(a)) - Number(isMerlon(b))))
      found[form] = await features(which, editor, form, errors);
    return found;
  } finally {
    await editor.close();
  }
}

async function features(
  which: Which,
  editor: Editor | NativeEditor,
  form: Form,
  errors: Promise<readonly string[]>,
): Promise<Features> {
  const { main, name, from } = FORMS[form];
  const path = `${folderOf(form)}/${name}`;
  const view =
    which === "TypeScript 6" ? old(editor as Editor, path, main) : native(editor as NativeEditor, path, main);
  const settled = async <T>(work: Promise<T>): Promise<T | undefined> =>
    Promise.race([work.catch(() => undefined), setTimeout(60_000, undefined, { ref: false })]);
  const problems = await settled(view.problems());
  const wrong = main.slice(0, main.indexOf("agee")).split("\n").length;
  const names = await settled(view.names('"agee"', 1));
  const definition = await settled(view.definition(main.includes('user["age"]') ? 'user["age"]' : 'user.pick("age")'));
  const seen = {
    // The mistake alone, and in words that name the column.
    diagnostics: problems?.length === 1 && problems[0]!.line === wrong && problems[0]!.text.includes("agee"),
    hover: (await settled(view.hover("price =")))?.includes('Node<"float32 age"') === true,
    completion: ["age", "city"].every(column => names?.includes(column)),
    definition: definition?.endsWith(`${folderOf(form)}/${from}:2:${DECLARED}`) === true,
    rename: (await settled(view.renamed("price ="))) === 2,
  };
  const ofForm = (await errors).filter(line => line.startsWith(`${folderOf(form)}/`));
  return {
    check: await check(join(editor.folder, path), form),
    // The mistake at its line, and nothing else.
    tsc: ofForm.length === 1 && ofForm[0]!.startsWith(`${path}(3,`) && ofForm[0]!.includes("agee"),
    ...seen,
  };
}

/** The column, from 1, of the name that a definition leads to. */
const DECLARED = "export const ".length + 1;

/** Whether the compiler, which brings its own TypeScript, reports the mistake at its line, and nothing else. */
async function check(path: string, form: Form): Promise<boolean> {
  const { diagnostics } = await compile(path);
  const [only, ...others] = diagnostics;
  const at = FORMS[form].main.indexOf('"agee"');
  return others.length === 0 && only?.site.start === at && only.message.includes("agee");
}

/** The lines of errors that `merlon tsc` prints. */
async function tsc(folder: string): Promise<readonly string[]> {
  const child = spawn(process.execPath, [MERLON, "tsc", "--noEmit"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const stdout = await text(child.stdout);
  return stdout.split("\n").filter(line => /error TS/.test(line));
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
      return `${definitions[0]?.file}:${definitions[0]?.start.line}:${definitions[0]?.start.offset}`;
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
      const { line, character } = first?.range.start ?? { line: -1, character: -1 };
      return first ? `${fileURLToPath(first.uri)}:${line + 1}:${character + 1}` : "";
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
