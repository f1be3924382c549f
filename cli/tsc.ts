/**
 * `merlon tsc`: the project's own `tsc`, extended to read programs. TypeScript 6 and older use Volar, 7.1 and newer the content mapper of
 * the project's tsconfig.json.
 */

import { spawn } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { fileForm } from "../compiler/1-rewrite/file-form.js";
import { wantsColor } from "../contract/wants-color.js";
import { findConfig, readProjectConfig, tscSettings } from "./project-config.js";
import { operatorAdvice, type ProjectTypeScript, projectTypeScript } from "./project-typescript.js";

export const tscCommand = (): Command =>
  new Command("tsc")
    .description("check a project of TypeScript files and programs with its own TypeScript")
    .argument("[arguments...]", "arguments of tsc")
    .allowUnknownOption()
    .allowExcessArguments()
    .addHelpText(
      "after",
      `
Examples:
  $ merlon tsc --noEmit
  $ merlon tsc -p tsconfig.json --noEmit --watch

\`.merlon\` files are checked where tsconfig.json includes them: \`"include": ["src"]\`, not \`["src/**/*.ts"]\`. TypeScript 7.1
and newer need \`"contentMappers": [{ "package": "merlon", "extensions": [".merlon"] }]\` there. The exit status is tsc's.`,
    )
    .action(async (_: string[], __: object, self: Command) => runTsc(self.args));

async function runTsc(words: readonly string[]): Promise<void> {
  const typescript = projectTypeScript(projectFolder(words));
  if (!typescript)
    throw new Error("there is no TypeScript in this project: install it with `npm install --save-dev typescript@6`.");
  if (typescript.teach === "plugin") await runThroughVolar(typescript, words);
  else process.exitCode = await runNative(typescript, words);
}

/** The folder or file that `-p` names. */
function namedProject(words: readonly string[]): string | undefined {
  const at = words.findIndex(word => /^--?(?:p|project)$/i.test(word));
  return at < 0 ? undefined : words[at + 1];
}

function projectFolder(words: readonly string[]): string {
  const named = namedProject(words);
  if (named === undefined) return process.cwd();
  return named.endsWith(".json") ? dirname(resolve(named)) : resolve(named);
}

/** Settings of the project's tsconfig.json that explain errors of these numbers. */
function adviceOnSettings(words: readonly string[], errors: ReadonlySet<string>): readonly string[] {
  const named = namedProject(words);
  const file = named?.endsWith(".json") ? resolve(named) : findConfig(projectFolder(words));
  return file === undefined ? [] : tscSettings(readProjectConfig(file), errors);
}

/** Numbers of TypeScript's errors. */
const errorsIn = (output: string): ReadonlySet<string> =>
  new Set([...output.replace(ESCAPES, "").matchAll(/\berror (TS\d+):/g)].map(([, number]) => number!));

const say = (advice: string): void => void process.stderr.write(`note: ${advice}\n`);

/** Runs in this process, and ends it as `tsc` does. */
async function runThroughVolar({ folder }: ProjectTypeScript, words: readonly string[]): Promise<void> {
  const [{ runTsc: run }, { languagePlugin }, { findEnvironment }, { FOREIGN }] = await Promise.all([
    import("@volar/typescript/lib/quickstart/runTsc.js"),
    import("../compiler/editor/language-plugin.js"),
    import("../compiler/typegen/environment.js"),
    import("../compiler/1-rewrite/file-form.js"),
  ]);
  const tsc = join(folder, "lib", "tsc.js");
  process.argv = [process.argv[0]!, tsc, ...words];
  const errors = new Set<string>();
  const write = process.stdout.write.bind(process.stdout) as (...all: unknown[]) => boolean;
  process.stdout.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    for (const error of errorsIn(String(chunk))) errors.add(error);
    return write(chunk, ...rest);
  };
  process.on("exit", code => {
    if (code !== 0) adviceOnSettings(words, errors).forEach(say);
  });
  run(tsc, [FOREIGN], () => [languagePlugin(findEnvironment, { linesOfAuthor: true })]);
}

/** TypeScript's errors about operators on assumed numbers and about files that it cannot read. */
const ABOUT_OPERATORS = /^(.+?)[(:]\d+[,:]\d+\)?(?: -)?:? error TS(?:2345|2362|2363|2365|7053):/gm;
const ABOUT_FILES = /^(.+?)[(:]\d+[,:]\d+\)?(?: -)?:? error TS2307: Cannot find module '([^']*\.merlon)'/gm;
const ESCAPES = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** @returns the exit code of `tsc`, after its output and a sentence on what it could not read */
async function runNative({ folder, teach }: ProjectTypeScript, words: readonly string[]): Promise<number> {
  const tsc = join(folder, "bin", "tsc");
  const external = teach === "mapper" && !words.includes("--runExternalCode") ? ["--runExternalCode"] : [];
  const colors = wantsColor(process.stdout) && !words.includes("--pretty") ? ["--pretty"] : [];
  const child = spawn(process.execPath, [tsc, ...words, ...external, ...colors], {
    stdio: ["inherit", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    process.stdout.write(chunk);
    said = (said + chunk.toString("utf8")).slice(-MAX_KEPT);
  });
  const code = await new Promise<number>((done, fail) => {
    child.once("error", fail);
    child.once("close", status => done(status ?? 1));
  });
  if (code === 0) return code;
  const advice = adviceOn(said.replace(ESCAPES, ""));
  (advice === undefined ? adviceOnSettings(words, errorsIn(said)) : [advice]).forEach(say);
  return code;
}

/** Output that is searched for the reason of a failure. */
const MAX_KEPT = 4 * 2 ** 20;

function adviceOn(said: string): string | undefined {
  for (const [, file = "", specifier = ""] of said.matchAll(ABOUT_FILES)) {
    const advice = operatorAdvice(join(dirname(file), specifier), true);
    if (advice !== undefined) return advice;
  }
  for (const [, file = ""] of said.matchAll(ABOUT_OPERATORS))
    if (fileForm(file)?.form === "ts") return operatorAdvice(file, true);
  return undefined;
}
