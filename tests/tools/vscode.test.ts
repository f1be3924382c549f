// The folder that VS Code loads without a build: its files exist, and its pattern finds the pipe alone.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { FOREIGN } from "#compiler/1-rewrite/file-form.js";

const FOLDER = join(import.meta.dirname, "..", "..", "tools", "vscode");
const read = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), "utf8"));

test("the contribution names one language and its files", () => {
  const { contributes } = read("package.json");
  const [language] = contributes.languages;
  const [grammar] = contributes.grammars;
  expect([language.extensions, language.id, grammar.language]).toEqual([[FOREIGN], "merlon", "merlon"]);
  expect(contributes.typescriptServerPlugins).toEqual([
    { name: "merlon", languages: ["merlon"], enableForWorkspaceTypeScriptVersions: true },
  ]);
  for (const name of [language.configuration, grammar.path])
    expect([name, existsSync(join(FOLDER, name))]).toEqual([name, true]);
  expect(read(language.configuration).comments.lineComment).toBe("//");
});

/** Activates the extension in a VS Code with these extensions, by ID. */
async function activated(found: Readonly<Record<string, unknown>>) {
  const started: string[] = [];
  const subscriptions: unknown[] = [];
  const getExtension = (id: string) =>
    Object.hasOwn(found, id)
      ? {
          activate: async () => {
            started.push(id);
            return found[id];
          },
        }
      : undefined;
  const exports: { activate?: (context: { subscriptions: unknown[] }) => Promise<void> } = {};
  runInNewContext(readFileSync(join(FOLDER, read("package.json").main), "utf8"), {
    exports,
    require: (name: string) => ({ vscode: { extensions: { getExtension } } })[name],
  });
  await exports.activate!({ subscriptions });
  return { started, subscriptions };
}

const SIX = "vscode.typescript-language-features";
const SEVEN = "TypeScriptTeam.native-preview";

test("a file starts VS Code's TypeScript, which has no such language of its own", async () => {
  expect(read("package.json").activationEvents).toEqual(["onLanguage:merlon"]);
  expect(await activated({ [SIX]: {} })).toEqual({ started: [SIX], subscriptions: [] });
});

test("TypeScript 7's extension starts too, and receives the files", async () => {
  const registered: unknown[] = [];
  const registerContentMappers = (...words: unknown[]) => {
    registered.push(words);
    return "registration";
  };
  const { started, subscriptions } = await activated({ [SIX]: {}, [SEVEN]: { registerContentMappers } });
  expect(started).toEqual([SIX, SEVEN]);
  expect(registered).toEqual([["merlon.merlon-language", [{ extensions: [FOREIGN] }]]]);
  expect(subscriptions).toEqual(["registration"]);
  const { publisher, name } = read("package.json");
  expect(registered[0]).toContain(`${publisher}.${name}`);
});

test("a version of TypeScript 7's extension without content mappers starts", async () => {
  for (const api of [undefined, {}]) expect((await activated({ [SIX]: {}, [SEVEN]: api })).subscriptions).toEqual([]);
});

test("the grammar is TypeScript's, with the pipe", () => {
  const grammar = read("syntaxes/merlon.tmLanguage.json");
  expect([grammar.scopeName, grammar.patterns]).toEqual(["source.merlon", [{ include: "source.ts" }]]);
  const [selector] = Object.keys(grammar.injections);
  // Neither a text nor a comment, and no `Map<string, Set<string>>`.
  expect(selector).toBe("L:source.merlon -string -comment -meta.type");
  const pipe = new RegExp(grammar.injections[selector!].patterns[0].match);
  expect(["a >> b", "a >>= b", "a >>> b", "a > b"].map(text => pipe.test(text))).toEqual([true, false, false, false]);
});
