// `npm run test:vscode` (four minutes once, then one) opens programs in VS Code itself. It packs `merlon` and installs it into a project
// with TypeScript 6 and the settings of docs/guides/editors.md. Then it reads the window: marks, hovers, completions and colors.
// `-- FOLDER` writes screenshots there.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureDebian, ROOT, run, step } from "./setup.mjs";
import { ensureVsCode, openVsCode } from "./vscode.mjs";

const folder = mkdtempSync(join(tmpdir(), "merlon-vscode-"));
const screenshots = process.argv[2];

/** The settings of the page, its comments removed. */
const blocks = [...readFileSync(join(ROOT, "docs/guides/editors.md"), "utf8").matchAll(/```jsonc\n(.*?)```/gs)];
const [TSCONFIG, SETTINGS] = blocks.map(([, text]) => JSON.parse(text.replaceAll(/\/\/.*$/gm, "")));

const SHARED = 'import { source } from "merlon";\nexport const user = source({ age: "float32", city: "string" });\n';
const WRONG = 'const wrong = user["agee"] >> clip({ min: 0 });';
const programs = shared => `import { clip, workflow } from "merlon";
import { user } from "${shared}";
${WRONG}
const price = user["age"] >> clip({ min: 0 });
export default workflow("w", price + user["city"]);
`;
/** Line 4: the variable's name, and inside the quotes of its column. */
const [PRICE, COLUMN] = ["const p".length, 'const price = user["a'.length];

function write(name, text) {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, typeof text === "string" ? text : JSON.stringify(text));
}

function expect(what, found, holds) {
  if (!holds(found)) throw new Error(`${what}: found ${JSON.stringify(found)}`);
}

/** A program in an open editor: the wrong column alone is marked, and types and columns are shown. */
async function checkProgram(editor, name, picture) {
  const marked = await editor.underlined(lines => lines.join() === WRONG);
  expect(`${picture}: marked lines of ${name}`, marked, lines => lines.join() === WRONG);
  const hovered = await editor.hover(4, PRICE);
  if (screenshots) await editor.screenshot(join(screenshots, `${picture}-hover.png`));
  expect(`${picture}: hover of ${name}`, hovered, text => text.includes('Node<"float32 age"'));
  const names = await editor.completions(4, COLUMN);
  expect(`${picture}: completion of ${name}`, names, found => found.join() === "age,city");
  expect(`${picture}: colors of ${name}`, await editor.colors("const price"), count => count >= 6);
}

/** @param work in a window on the project */
async function inWindow(server, title, { settings, extensions }, work) {
  write(".vscode/settings.json", settings);
  await step(title, async () => {
    const data = mkdtempSync(join(tmpdir(), "merlon-vscode-user-"));
    const editor = await openVsCode(server, folder, { data, extensions });
    try {
      await work(editor);
    } catch (error) {
      if (screenshots) await editor.screenshot(join(screenshots, "failed.png"));
      throw error;
    } finally {
      await editor.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
}

try {
  ensureDebian("npm run test:vscode", ["chromium"], () => existsSync("/usr/bin/chromium"));
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  const server = await ensureVsCode();
  await step("Packing merlon and installing it with TypeScript 6", () => {
    write("package.json", { private: true, type: "module" });
    run("npm", ["pack", "--silent", "--pack-destination", folder]);
    const packed = join(folder, `merlon-${JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version}.tgz`);
    const words = ["--no-audit", "--no-fund", "--ignore-scripts"];
    run("npm", ["install", ...words, packed, "typescript@~6.0.3", "@types/node@22"], { cwd: folder });
    rmSync(packed);
    write("tsconfig.json", TSCONFIG);
    write("src/main.workflow.ts", programs("./shared.workflow.js"));
    write("src/shared.workflow.ts", SHARED);
    write("src/foreign/program.merlon", programs("./shared.merlon"));
    write("src/foreign/shared.merlon", SHARED);
  });
  await inWindow(server, "VS Code with the settings of the page", { settings: SETTINGS }, async editor => {
    await editor.open("main.workflow.ts");
    await editor.useWorkspaceVersion();
    await checkProgram(editor, "main.workflow.ts", "settings-workflow");
    await editor.open("program.merlon");
    await checkProgram(editor, "program.merlon", "settings-merlon");
  });
  const { "files.associations": _, ...settings } = SETTINGS;
  const extensions = [join(folder, "node_modules", "merlon", "tools", "vscode")];
  await inWindow(server, "VS Code with the extension", { settings, extensions }, async editor => {
    await editor.open("tsconfig.json");
    await editor.useWorkspaceVersion();
    await editor.open("program.merlon");
    await checkProgram(editor, "program.merlon", "extension-merlon");
    await editor.restart();
    await editor.open("program.merlon");
    // Files of TypeScript and `tsconfig.json` start TypeScript too: without them, only the extension does.
    expect("open files", await editor.files(), names => names.length === 1);
    await checkProgram(editor, "program.merlon", "extension-merlon-alone");
  });
} catch (error) {
  process.stderr.write(`npm run test:vscode: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
