// Quick fixes in a live tsserver, as VS Code requests them: of our messages, and TypeScript's own for our files.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import "../../needs/built.js";
import { type Editor, type Place, startEditor } from "./tsserver.js";

interface Problem {
  readonly start: Place;
  readonly end: Place;
  readonly code: number;
}
interface Fix {
  readonly fixName: string;
  readonly description: string;
  readonly changes: readonly {
    readonly textChanges: readonly { readonly start: Place; readonly end: Place; readonly newText: string }[];
  }[];
}

let editor: Editor;
beforeAll(() => {
  editor = startEditor();
});
afterAll(() => editor.close());

const HEAD = `import { clip, queryFeast, source, unrollFeatures, workflow } from "merlon";
const user = source({ age: "float32", city: "string" });
`;
let files = 0;

/** Fixes of the first problem of a file, and the text that each makes. */
async function fixesIn(text: string, extension: string) {
  const file = editor.open(`fixed${files++}${extension}`, text);
  const [problem] = await editor.ask<Problem[]>("semanticDiagnosticsSync", { file });
  const { start, end, code } = problem!;
  const fixes = await editor.ask<Fix[]>("getCodeFixes", {
    file,
    startLine: start.line,
    startOffset: start.offset,
    endLine: end.line,
    endOffset: end.offset,
    errorCodes: [code],
  });
  const supported = await editor.ask<string[]>("getSupportedCodeFixes", { file });
  expect(supported).toContain(String(code));
  return fixes.map(fix => ({ ...fix, text: changed(text, fix) }));
}

function changed(text: string, { changes }: Fix): string {
  const offset = ({ line, offset: column }: Place) =>
    text
      .split("\n")
      .slice(0, line - 1)
      .reduce((sum, l) => sum + l.length + 1, 0) +
    column -
    1;
  const edits = changes.flatMap(({ textChanges }) => textChanges).sort((a, b) => offset(b.start) - offset(a.start));
  return edits.reduce(
    (out, { start, end, newText }) => out.slice(0, offset(start)) + newText + out.slice(offset(end)),
    text,
  );
}

// Several operators before the mistake: the place is the author's, not the rewritten one.
const BEFORE = 'export const many = (user["age"] >> clip({ min: 0 })) + user["city"];\n';

describe.each([".workflow.ts", ".merlon"])("%s", extension => {
  test("a misspelt column is replaced, after any number of operators", async () => {
    const right = `${HEAD}${BEFORE}export const a = user["city"] + (user["age"] >> clip({ min: 0 }));\n`;
    const [first] = await fixesIn(
      right.replace('(user["age"] >> clip({ min: 0 }));', '(user["aeg"] >> clip({ min: 0 }));'),
      extension,
    );
    expect(first).toMatchObject({ fixName: "merlon", description: 'Replace "aeg" by "age"', text: right });
  });
});
