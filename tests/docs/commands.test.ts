/**
 * Commands of the documentation, run: each page in a project of its own, block by block, with the files that the pages name. Ports, and hosts that
 * are not this one, are replaced; nothing else is.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, expect, test } from "vitest";
import { freePort } from "../conformance/free-ports.js";
import { python } from "../needs/python.js";
import { type Block, blocksOf, PAGES, placeOf, wholeText } from "./blocks.js";
import { addCommandFiles } from "./command-files.js";
import { makeProject } from "./scratch-project.js";
import { openShell, type Shell } from "./shell.js";

/** A server that a page's blocks suppose: it runs before each of them. */
const BEFORE: Readonly<Record<string, string>> = {
  "docs/reference/client.md": "merlon serve --model-repository model-repo --model-repository mocks",
  "docs/guides/testing.md": "merlon serve --model-repository model-repo",
};
/** The client that README shows; other TypeScript is type-checked alone, or a file that commands read. */
const isRun = ({ language, around, notRun, file, by }: Block): boolean =>
  notRun === undefined &&
  by === undefined &&
  (file !== undefined || language === "sh" || language === "python" || (language === "ts" && around === "client.ts"));

const pages = PAGES.map(page => [page, blocksOf(page).filter(isRun)] as const).filter(
  ([, blocks]) => blocks.length > 0,
);

const PORTS = [8000, 8001, 8002, 9000, 9001, 4318];
const ports = new Map(await Promise.all(PORTS.map(async port => [String(port), String(await freePort())] as const)));

/** A block's text with this machine's ports in the place of the usual ones, and this machine in the place of others. */
const local = (text: string): string =>
  text
    .replaceAll(
      /\b(?:triton\.staging|merlon-host|triton-host|models\.example|recommend\.example|merlon|triton)(?=:80\d\d\b)/g,
      "localhost",
    )
    .replaceAll(/--address (?:0\.0\.0\.0|10\.0\.0\.5)/g, "--address 127.0.0.1")
    .replaceAll(/(?<=--model-repository )\/models\b/g, "models")
    .replaceAll(/\b\d{4}\b/g, port => ports.get(port) ?? port);

const projects = pages.map(() => makeProject());
afterAll(() => Promise.all(projects.map(project => project.dispose())));

test.each(pages.map(([page, blocks], i) => [page, blocks, projects[i]!] as const))(
  "the commands of %s",
  { timeout: 300_000 },
  async (page, blocks, project) => {
    await addCommandFiles(project.path);
    await using shell = await openShell(project.path, ports);
    for (const block of blocks) {
      if (BEFORE[page] !== undefined) await shell.serve(BEFORE[page]);
      await runBlock(shell, block, project.path);
    }
  },
);

async function runBlock(shell: Shell, block: Block, folder: string): Promise<void> {
  if (block.file !== undefined) return writeFileSync(join(folder, block.file), block.text);
  const text = local(wholeText(block));
  if (block.language === "sh") {
    for (const command of commandsOf(text)) {
      const { status, err } = await shell.run(command, block.meanwhile && local(block.meanwhile));
      // Random draws differ, as docs/guides/stock-triton.md says.
      const good = /^merlon diff /.test(command) ? [0, 1] : [0];
      expect(good, `${placeOf(block)}: ${command}\n${err}`).toContain(status);
      expect(err).not.toMatch(/^error: /m);
    }
    return;
  }
  // The types that `merlon typegen` writes have values beside them.
  if (block.language === "ts")
    writeFileSync(join(folder, "models.js"), javaScript(readFileSync(join(folder, "models.ts"), "utf8")));
  const { status, err } = await (block.language === "python"
    ? shell.runScript(python(), "block.py", text)
    : shell.runScript(process.execPath, "block.js", javaScript(text)));
  expect(status, `${placeOf(block)}:\n${err}`).toBe(0);
}

/** Lines, where a backslash at the end takes the next one along; without those that are comments alone. */
const commandsOf = (text: string): readonly string[] =>
  text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter(line => line.trim() !== "" && !line.startsWith("#"));

const javaScript = (text: string): string =>
  ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  }).outputText;
