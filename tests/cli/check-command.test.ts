// `merlon check` and `merlon build` as commands: the forms of their findings, and --watch from its first round to a clean end.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { until } from "../run/wait.js";

const ROOT = join(import.meta.dirname, "..", "..");
const BROKEN = "tests/samples/error-column-missing/main.workflow.ts";

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-check-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  child = undefined;
  rmSync(folder, { recursive: true });
});

const merlon = (...args: string[]) => spawnSync(process.execPath, [MERLON, ...args], { cwd: ROOT, encoding: "utf8" });
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const workflow = (column: string) =>
  `import { clip, source, workflow } from "merlon";\nconst e = source({ price: "float32" });\nexport default workflow("w", e["${column}"] >> clip({ min: 0 }));\n`;

test("a folder means the programs in it; one without any is named", () => {
  write("b.workflow.ts", workflow("price"));
  write("a.workflow.ts", workflow("prise"));
  write("notes.ts", "export {};\n");
  const { status, stdout, stderr } = merlon("check", folder);
  expect(status).toBe(1);
  expect(stdout).toBe(`✔ ${join(folder, "b.workflow.ts")}: workflow w, 1 step, price → price\n`);
  expect(stderr).toContain("a.workflow.ts:3:");
  expect(stderr).toContain("Did you mean `price`?");
  const empty = join(folder, "empty");
  mkdirSync(empty);
  expect(merlon("check", empty)).toMatchObject({ status: 1, stderr: expect.stringContaining("it is a folder") });
});

describe("check --format", () => {
  test("json: one document on stdout, ranges that cut the operand out of the file", () => {
    const { status, stdout, stderr } = merlon(
      "check",
      BROKEN,
      "tests/samples/ensemble-shared-step/main.ensemble.ts",
      "--format",
      "json",
    );
    expect([status, stderr]).toEqual([1, ""]);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ format: "merlon/diagnostics", version: 1, warnings: 0 });
    expect(document.errors).toBe(document.diagnostics.length);
    const text = readFileSync(join(ROOT, BROKEN), "utf8");
    for (const { code, severity, file, start, end, message, help } of document.diagnostics) {
      expect([code, severity, file]).toEqual(["schema/column-missing", "error", join(ROOT, BROKEN)]);
      expect(message && help).toBeTruthy();
      const line = text.split("\n")[start.line - 1]!;
      expect(line.slice(start.column - 1, end.column - 1)).toBe(text.slice(start.offset, end.offset));
      expect(message).toContain(text.slice(start.offset, end.offset).replaceAll('"', ""));
    }
    expect(
      JSON.parse(merlon("check", "tests/samples/ensemble-shared-step/main.ensemble.ts", "--format", "json").stdout)
        .diagnostics,
    ).toEqual([]);
  });

  test("github: one command per finding, escaped, paths from the repository's root", () => {
    const { status, stdout } = merlon("check", BROKEN, "--format", "github");
    expect(status).toBe(1);
    const [first, ...rest] = stdout.trimEnd().split("\n");
    expect(first).toMatch(
      new RegExp(
        `^::error file=${BROKEN},line=\\d+,endLine=\\d+,col=\\d+,endColumn=\\d+,title=schema/column-missing::.*%0Ahelp: `,
      ),
    );
    for (const line of rest) expect(line).toMatch(/^::error file=/);
  });
});

describe("check --fix", () => {
  const check = (...args: string[]) =>
    spawnSync(process.execPath, [MERLON, "check", ...args], { cwd: folder, encoding: "utf8" });

  test("makes the exact corrections, round after round, and says which", () => {
    write("w.workflow.ts", workflow("prise").replace("clip, source", "source").replace("float32", "float"));
    const fixed = check("--fix", "w.workflow.ts");
    expect(
      fixed.stderr
        .split("\n")
        .filter(line => line.includes("fixed:"))
        .sort(),
    ).toEqual([
      expect.stringMatching(/^w\.workflow\.ts:2:\d+: fixed: Replace "float" by "float32"$/),
      expect.stringMatching(/^w\.workflow\.ts:3:\d+: fixed: Replace "prise" by "price"$/),
      expect.stringMatching(/^w\.workflow\.ts:3:\d+: fixed: Import `clip` from merlon$/),
    ]);
    expect(fixed.status).toBe(0);
    expect(readFileSync(join(folder, "w.workflow.ts"), "utf8")).toBe(
      workflow("price")
        .replace("clip, source", "source")

        .replace("workflow }", "workflow, clip }"),
    );
    expect(check("--fix", "w.workflow.ts").stderr).not.toContain("fixed");
  });

  test("json has the edits, and --watch is refused beside it", () => {
    write("w.workflow.ts", workflow("prise"));
    const [{ fixes }] = JSON.parse(check("--format", "json", "w.workflow.ts").stdout).diagnostics;
    expect(fixes).toMatchObject([
      { title: 'Replace "prise" by "price"', edits: [{ text: "price", start: { line: 3 }, end: { line: 3 } }] },
    ]);
    expect(check("--fix", "--watch", "w.workflow.ts").stderr).toContain("cannot be used with");
  });
});

test("--off leaves a pass out of a build, and an unknown pass is refused with those there are", () => {
  const sample = "tests/samples/ensemble-look-ups/main.ensemble.ts";
  const steps = (out: string) => JSON.parse(readFileSync(join(out, "look_ups", "1", "plan.json"), "utf8")).steps.length;
  expect(merlon("build", sample, "--out", join(folder, "all")).status).toBe(0);
  expect(merlon("build", sample, "--out", join(folder, "some"), "--off", "mergeLookups,forwardMetadata").status).toBe(
    0,
  );
  expect([steps(join(folder, "all")), steps(join(folder, "some"))]).toEqual([1, 4]);
  const wrong = merlon("build", sample, "--off", "mergeLookup");
  expect(wrong.status).toBe(1);
  expect(wrong.stderr).toContain(
    "There is no pass mergeLookup; there are forwardMetadata, shareEqualSteps, pruneColumns, mergeLookups, fuseElementwise.",
  );
});

/** Starts a command and waits for texts of its output, one after the other. */
function start(command: string, args: readonly string[]) {
  const spawned = spawn(command, args, { cwd: folder });
  child = spawned;
  let seen = "";
  let at = 0;
  for (const stream of [spawned.stdout, spawned.stderr])
    stream.on("data", (data: Buffer) => {
      seen += data.toString();
    });
  const shown = async (text: string | RegExp): Promise<string> => {
    const position = (): number | undefined => {
      const found = typeof text === "string" ? seen.indexOf(text, at) : seen.slice(at).search(text) + at;
      return found < at ? undefined : found;
    };
    const found = await until(() => `${text}, after which there is\n${seen.slice(at)}`, position, 50_000);
    const passed = seen.slice(at);
    at = typeof text === "string" ? found + text.length : found + 1;
    return passed;
  };
  const ended = new Promise<number | string>(resolve =>
    spawned.on("exit", (code, signal) => resolve(code ?? signal ?? "nothing")),
  );
  return { until: shown, ended, spawned };
}

describe("--watch", { timeout: 180_000 }, () => {
  test("check: again after each save, an import's too; SIGINT ends it with 0", async () => {
    write("main.workflow.ts", `import { name } from "./name.ts";\n${workflow("price")}export const used = name;\n`);
    write("name.ts", 'export const name = "a";\n');
    const { until, ended, spawned } = start(process.execPath, [MERLON, "check", "--watch", "main.workflow.ts"]);
    await until("workflow w, 1 step,");
    await until("Watching 2 files.");
    write("main.workflow.ts", workflow("prise"));
    await until("error[schema/column-missing]");
    await until("Did you mean `price`?");
    await until("Watching 1 files.");
    write("main.workflow.ts", `import { name } from "./name.ts";\n${workflow("price")}export const used = name;\n`);
    await until("workflow w, 1 step,");
    await until("Watching 2 files.");
    write("name.ts", 'export const name: number = "a";\n');
    await until("name.ts:1:14: error[type/typescript]");
    await until("Watching");
    spawned.kill("SIGINT");
    expect(await ended).toBe(0);
  });

  test("build: the old repository stays while the program is broken, and the next good save replaces it", async () => {
    const program = (topk: number | string) =>
      `import { ensemble, queryFaiss, source } from "merlon";\nconst r = source({ q: "float32[4]" });\nexport default ensemble("e", r["q"] >> queryFaiss(${JSON.stringify(join(ROOT, "tests/samples/artefacts/index/items.faiss"))}, { topk: ${topk} }));\n`;
    const topk = () => JSON.parse(readFileSync(join(folder, "repo/e/1/plan.json"), "utf8")).steps[0].params.topk;
    write("main.ensemble.ts", program(3));
    const { until, ended, spawned } = start(process.execPath, [
      MERLON,
      "build",
      "--watch",
      "main.ensemble.ts",
      "--out",
      "repo",
    ]);
    await until("✔ Built repo");
    await until("Watching");
    expect(topk()).toBe(3);
    write("main.ensemble.ts", program('"many"'));
    await until("error[");
    await until("Watching");
    expect(topk()).toBe(3);
    write("main.ensemble.ts", program(4));
    await until("✔ Built repo");
    await until("Watching");
    expect(topk()).toBe(4);
    spawned.kill("SIGINT");
    expect(await ended).toBe(0);
  });
});
