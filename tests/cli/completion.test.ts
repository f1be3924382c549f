/** `merlon completion`: the script that each shell gets, run by that shell. zsh and fish are skipped where they are not installed. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { placesOf } from "#cli/completion/tree.js";
import { completionScript, type Shell } from "#cli/completion.js";
import { createProgram } from "#cli/program.js";
import { FLAGS } from "#cli/tritonserver/flags.js";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";

const program = createProgram("0.0.0");
const places = placesOf(program);

const hasShell = (name: string): boolean => spawnSync(name, ["-c", "exit 0"]).status === 0;

/** Returns the words that a shell offers for each of several lines, the last word of which is completed. */
type Offers = (lines: readonly (readonly string[])[]) => Promise<string[][]>;

/** Runs a script in a folder with one file. @param before flags @param ask the lines of the shell that print what is offered, `--` after each */
async function offered(shell: Shell, before: readonly string[], ask: string): Promise<string[][]> {
  const folder = new TemporaryFolder("completion");
  try {
    const script = join(folder.path, "script");
    const work = join(folder.path, "work");
    mkdirSync(work);
    writeFileSync(join(work, "one.workflow.ts"), "");
    writeFileSync(script, await completionScript(shell, program));
    const { status, stdout, stderr } = spawnSync(shell, [...before, "-c", ask, script], {
      cwd: work,
      encoding: "utf8",
      env: { ...process.env, SCRIPT: script, HOME: folder.path },
    });
    expect([status, stderr]).toEqual([0, ""]);
    // No description is run as a command.
    expect(readdirSync(work)).toEqual(["one.workflow.ts"]);
    return stdout
      .split("--\n")
      .slice(0, -1)
      .map(part => part.split("\n").filter(Boolean));
  } finally {
    folder.dispose();
  }
}

const quoted = (words: readonly string[]): string => words.map(word => `'${word}'`).join(" ");

const bash: Offers = lines =>
  offered(
    "bash",
    ["--norc"],
    `source "$SCRIPT"
ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _merlon; printf '%s\\n' "\${COMPREPLY[@]}" --; }
${lines.map(words => `ask ${quoted(words)}`).join("\n")}`,
  );

/** The completion system's functions print what they are given; `_files` prints its name. */
const zsh: Offers = lines =>
  offered(
    "zsh",
    ["-f"],
    `compdef() { : }
compset() { : }
compadd() { shift; print -rl -- "$@" }
_files() { print _files }
_describe() {
  [[ $1 == -o ]] && shift
  local one
  for one in "\${(@P)2}"; do print -r -- "\${one%%:*}"; done
}
source "$SCRIPT"
ask() { local -a words; words=("$@"); local CURRENT=$#; local PREFIX="$words[-1]"; _merlon; print -- -- }
${lines.map(words => `ask ${quoted(words)}`).join("\n")}`,
  );

const fish: Offers = lines =>
  offered(
    "fish",
    ["--no-config"],
    `source $SCRIPT
${lines.map(words => `complete -C ${quoted([words.join(" ")])} | string replace -r '\\t.*' ''; printf '%s\\n' --`).join("\n")}`,
  );

const SHELLS: readonly [Shell, Offers][] = [
  ["bash", bash],
  ["zsh", zsh],
  ["fish", fish],
];

describe.each(SHELLS.map(([name, offers]) => ({ name, offers })))("$name", ({ name, offers }) => {
  const test_ = test.skipIf(!hasShell(name));

  test_("every command is offered where it stands, and every option", async () => {
    const lines = places.flatMap(({ route }) => [
      [...route.split(" "), ""],
      [...route.split(" "), "--"],
    ]);
    const found = await offers(lines);
    expect(found).toHaveLength(lines.length);
    for (const [i, { route, commands, options }] of places.entries()) {
      if (commands.length > 0) expect(found[2 * i]!.sort(), route).toEqual(commands.map(one => one.name).sort());
      const long = options.flatMap(({ names }) => names.filter(one => one.startsWith("--")));
      const shown = found[2 * i + 1]!.filter(word => word.startsWith("--"));
      expect(new Set(shown), route).toEqual(new Set(long));
    }
  });

  test_("values: those of an option, of an argument, and files", async () => {
    const [engine, form, shell, after, flag, flags] = await offers([
      ["merlon", "fit", "x.workflow.ts", "--engine", ""],
      ["merlon", "check", "--format", "g"],
      ["merlon", "completion", ""],
      ["merlon", "client", "--url", "grpc://x", "infer", "--js"],
      ["merlon", "serve", "--allow-http", ""],
      ["tritonserver", "--model-rep"],
    ]);
    expect(engine!.sort()).toEqual(["duckdb", "spark"]);
    // zsh itself leaves out what does not match.
    expect(form).toContain("github");
    expect(shell!.sort()).toEqual(["bash", "fish", "zsh"]);
    expect(after).toContain("--json");
    expect(flag!.sort()).toEqual(["false", "true"]);
    expect(flags).toContain("--model-repository");
    const files = await offers([
      ["merlon", "fit", ""],
      ["merlon", "fit", "--data", ""],
    ]);
    // bash completes files where nothing is offered.
    const wanted = { bash: [], zsh: ["_files"], fish: ["one.workflow.ts"] }[name];
    expect(files).toEqual([wanted, wanted]);
  });
});

test("the tree has every command, and a server's flags", () => {
  const routes = places.map(({ route }) => route);
  for (const route of ["merlon", "merlon client infer", "merlon import nvtabular", "merlon completion"])
    expect(routes).toContain(route);
  const { options } = places.find(({ route }) => route === "merlon serve")!;
  const names = options.flatMap(one => one.names);
  for (const { name } of FLAGS) expect(names).toContain(`--${name}`);
  expect(names.length).toBe(new Set(names).size);
});
