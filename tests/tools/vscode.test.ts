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

test("a file starts VS Code's TypeScript, which has no such language of its own", () => {
  const { main, activationEvents } = read("package.json");
  expect(activationEvents).toEqual(["onLanguage:merlon"]);
  const started: string[] = [];
  const getExtension = (id: string) => ({ activate: () => started.push(id) });
  const exports: { activate?: () => unknown } = {};
  runInNewContext(readFileSync(join(FOLDER, main), "utf8"), {
    exports,
    require: (name: string) => ({ vscode: { extensions: { getExtension } } })[name],
  });
  exports.activate!();
  expect(started).toEqual(["vscode.typescript-language-features"]);
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
