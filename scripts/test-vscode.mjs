// `npm run test:vscode` (four minutes once, then one) opens programs in VS Code itself. It packs `merlon` and installs it into a project
// with TypeScript 6 and the settings of docs/guides/editors.md. Then it reads the window: marks, hovers, completions and colors.
// `-- --native EXTENSION` (three minutes) does so with TypeScript 7, and prints what it reads.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ensureDebian, ROOT, run, step } from "./setup.mjs";
import { TYPESCRIPTS } from "./test-needs.mjs";
import { ensureVsCode, openVsCode } from "./vscode.mjs";

const NATIVE = "TypeScriptTeam.native-preview";
const HELP = `usage: npm run test:vscode -- [FOLDER] [--native EXTENSION]
  FOLDER              folder for screenshots (none)
  --native EXTENSION  TypeScript 7 in place of 6, by this folder of ${NATIVE}

EXTENSION is the folder "extension" of the unpacked .vsix, or a built "_extension" of microsoft/typescript-go.
Its package.json names a "main" that exists, and its folder "lib" has a TypeScript 7.
`;

/** The settings of the page, their comments removed: TypeScript 6's and 7.1's. */
const blocks = [...readFileSync(join(ROOT, "docs/guides/editors.md"), "utf8").matchAll(/```jsonc\n(.*?)```/gs)];
const [SIX, SIX_SETTINGS, SEVEN, SEVEN_SETTINGS] = blocks.map(([, text]) =>
  JSON.parse(text.replaceAll(/\/\/.*$/gm, "")),
);

const SHARED = 'import { source } from "merlon";\nexport const user = source({ age: "float32", city: "string" });\n';
/** A column that does not exist, a column, and both joined. */
const OPERATORS = [
  'const wrong = user["agee"] >> clip({ min: 0 });',
  'const price = user["age"] >> clip({ min: 0 });',
  'export default workflow("w", price + user["city"]);',
];
const METHODS = [
  'const wrong = user.pick("agee").pipe(clip({ min: 0 }));',
  'const price = user.pick("age").pipe(clip({ min: 0 }));',
  'export default workflow("w", price.plus(user.pick("city")));',
];
const program = (shared, lines) =>
  `import { clip, workflow } from "merlon";\nimport { user } from "${shared}";\n${lines.join("\n")}\n`;
const FILES = {
  "src/shared.workflow.ts": SHARED,
  "src/main.workflow.ts": program("./shared.workflow.js", OPERATORS),
  "src/methods.workflow.ts": program("./shared.workflow.js", METHODS),
  "src/foreign/shared.merlon": SHARED,
  "src/foreign/program.merlon": program("./shared.merlon", OPERATORS),
};

const COLUMNS = ["age", "city"];
/** TypeScript 7 registers the language of the file and its extension, and completes for both. */
const TWICE = ["age", "age", "city", "city"];

const same = wanted => found => JSON.stringify(found) === JSON.stringify(wanted);

function expect(what, found, holds) {
  if (!holds(found)) throw new Error(`${what}: found ${JSON.stringify(found)}`);
}

function write(path, content) {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
}

/** Packs `merlon`. @returns its archive */
function pack(folder) {
  run("npm", ["pack", "--silent", "--pack-destination", folder]);
  return join(folder, `merlon-${JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version}.tgz`);
}

/** A project with this TypeScript. @returns Merlon's extension */
function makeProject(folder, packed, typescript, tsconfig) {
  write(join(folder, "package.json"), { private: true, type: "module" });
  const words = ["--no-audit", "--no-fund", "--ignore-scripts"];
  run("npm", ["install", ...words, packed, `typescript@${typescript}`, "@types/node@22"], { cwd: folder });
  write(join(folder, "tsconfig.json"), tsconfig);
  for (const [name, text] of Object.entries(FILES)) write(join(folder, name), text);
  return join(folder, "node_modules", "merlon", "tools", "vscode");
}

function withoutAssociations({ "files.associations": _, ...settings }) {
  return settings;
}

/** A program in an open editor: the wrong column alone is marked, and types and columns are shown. @returns what was read */
async function checkProgram(editor, name, picture, { lines = OPERATORS, names = COLUMNS } = {}) {
  const [wrong, price] = lines;
  const marked = await editor.underlined(same([wrong]));
  expect(`${picture}: marked lines of ${name}`, marked, same([wrong]));
  const hovered = await editor.hover(4, "const p".length);
  if (screenshots) await editor.screenshot(join(screenshots, `${picture}-hover.png`));
  expect(`${picture}: hover of ${name}`, hovered, text => text.includes('Node<"float32 age"'));
  const completed = await editor.completions(4, price.indexOf('"age"') + '"a'.length);
  expect(`${picture}: completion of ${name}`, completed, same(names));
  expect(`${picture}: colors of ${name}`, await editor.colors("const price"), count => count >= 6);
  return [`${name}: marks ${marked.join()}`, `  shows ${hovered}`, `  completes ${completed.join(", ")}`];
}

/** Operators that TypeScript reads as JavaScript's: these lines are marked. @returns what was read */
async function checkMarked(editor, name, picture, lines = OPERATORS) {
  const marked = await editor.underlined(same(lines));
  if (screenshots) await editor.screenshot(join(screenshots, `${picture}.png`));
  expect(`${picture}: marked lines of ${name}`, marked, same(lines));
  return [`${name}: marks ${marked.length} lines`, ...marked.map(line => `  ${line}`)];
}

/** A program that TypeScript does not read: VS Code completes the words of the file. @returns what was read */
async function checkUnread(editor, name, picture) {
  const completed = await editor.completions(4, OPERATORS[1].indexOf('"age"') + '"a'.length);
  expect(`${picture}: completion of ${name}`, completed, found => found.includes("agee") && !found.includes("age"));
  return [...(await checkMarked(editor, name, picture, [])), `  completes ${completed.join(", ")}`];
}

/** @param work in a window on the project; it returns lines to print */
async function inWindow(server, title, { folder, settings, extensions }, work) {
  write(join(folder, ".vscode", "settings.json"), settings);
  let read;
  await step(title, async () => {
    const data = mkdtempSync(join(tmpdir(), "merlon-vscode-user-"));
    const editor = await openVsCode(server, folder, { data, extensions });
    try {
      read = await work(editor);
    } catch (error) {
      if (screenshots) await editor.screenshot(join(screenshots, "failed.png"));
      throw error;
    } finally {
      await editor.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
  for (const line of read ?? []) process.stdout.write(`    ${line}\n`);
}

async function testSix(server, folder) {
  let extension;
  await step("Packing merlon and installing it with TypeScript 6", () => {
    extension = makeProject(folder, pack(folder), "~6.0.3", SIX);
  });
  await inWindow(server, "VS Code with the settings of the page", { folder, settings: SIX_SETTINGS }, async editor => {
    await editor.open("main.workflow.ts");
    await editor.useWorkspaceVersion();
    await checkProgram(editor, "main.workflow.ts", "settings-workflow");
    await editor.open("program.merlon");
    await checkProgram(editor, "program.merlon", "settings-merlon");
  });
  const window = { folder, settings: withoutAssociations(SIX_SETTINGS), extensions: [extension] };
  await inWindow(server, "VS Code with the extension", window, async editor => {
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
}

/** The folder of a built extension, or an error. */
function nativeExtension(folder) {
  const manifest = join(folder, "package.json");
  const found = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")) : {};
  const id = `${found.publisher}.${found.name}`;
  if (id !== NATIVE) throw new Error(`--native: ${folder} is not ${NATIVE}`);
  if (!existsSync(join(folder, found.main))) throw new Error(`--native: ${folder} has no ${found.main}; build it`);
  return folder;
}

async function testSeven(server, folder, native) {
  let packed;
  await step("Packing merlon", () => {
    packed = pack(folder);
  });
  const [old, mapped] = ["typescript-7.0", "typescript-7.1"].map(name => TYPESCRIPTS[name].split("@").at(-1));
  /** The extension starts its own TypeScript first, and offers that of the project. */
  const allow = (editor, version) => editor.answer(`TypeScript 7 tsdk configured (${version})`, "Allow");

  const project = join(folder, "mapped");
  let extension;
  await step(`Installing it with TypeScript ${mapped}`, () => {
    extension = makeProject(project, packed, mapped, SEVEN);
  });
  const associated = { folder: project, settings: SEVEN_SETTINGS, extensions: [native] };
  await inWindow(server, `TypeScript ${mapped} with the settings of the page`, associated, async editor => {
    await editor.open("program.merlon");
    await allow(editor, mapped);
    return [
      ...(await checkProgram(editor, "program.merlon", "mapped-settings-merlon", { names: TWICE })),
      ...(await checkMethods(editor, "mapped-methods")),
      ...(await checkOperators(editor, "mapped-workflow")),
    ];
  });
  const settings = withoutAssociations(SEVEN_SETTINGS);
  const extended = { folder: project, settings, extensions: [native, extension] };
  await inWindow(server, `TypeScript ${mapped} with Merlon's extension`, extended, async editor => {
    await editor.open("program.merlon");
    await allow(editor, mapped);
    return checkProgram(editor, "program.merlon", "mapped-extension-merlon");
  });

  const oldProject = join(folder, "old");
  await step(`Installing it with TypeScript ${old}`, () => {
    const { contentMappers: _, ...tsconfig } = SEVEN;
    makeProject(oldProject, packed, old, tsconfig);
  });
  const alone = { folder: oldProject, settings, extensions: [native, extension] };
  await inWindow(server, `TypeScript ${old}`, alone, async editor => {
    await editor.open("methods.workflow.ts");
    await allow(editor, old);
    const read = [...(await checkMethods(editor, "old-methods")), ...(await checkOperators(editor, "old-workflow"))];
    await editor.open("program.merlon");
    return [...read, ...(await checkUnread(editor, "program.merlon", "old-merlon"))];
  });
  const misread = { folder: oldProject, settings: SEVEN_SETTINGS, extensions: [native] };
  await inWindow(server, `TypeScript ${old} with \`files.associations\``, misread, async editor => {
    await editor.open("program.merlon");
    await allow(editor, old);
    // It does not find the shared program either.
    const lines = ['import { user } from "./shared.merlon";', ...OPERATORS.slice(0, 2)];
    return checkMarked(editor, "program.merlon", "old-associated", lines);
  });
}

async function checkMethods(editor, picture) {
  await editor.open("methods.workflow.ts");
  return checkProgram(editor, "methods.workflow.ts", picture, { lines: METHODS });
}

async function checkOperators(editor, picture) {
  await editor.open("main.workflow.ts");
  return checkMarked(editor, "main.workflow.ts", picture);
}

const { values, positionals } = parseArgs({
  options: { native: { type: "string" }, help: { type: "boolean", short: "h" } },
  allowPositionals: true,
});
const [screenshots] = positionals;
if (values.help) process.stdout.write(HELP);
else {
  const folder = mkdtempSync(join(tmpdir(), "merlon-vscode-"));
  try {
    const native = values.native === undefined ? undefined : nativeExtension(resolve(values.native));
    ensureDebian("npm run test:vscode", ["chromium"], () => existsSync("/usr/bin/chromium"));
    if (screenshots) mkdirSync(screenshots, { recursive: true });
    const server = await ensureVsCode();
    await (native === undefined ? testSix(server, folder) : testSeven(server, folder, native));
  } catch (error) {
    process.stderr.write(`npm run test:vscode: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
