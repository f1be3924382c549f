// VS Code for `npm run test:vscode`: code-server's build of it, without its wrapper, on a loopback port and in Chromium.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { bringNode } from "./own-node.mjs";
import { hash, once, ROOT, run, step } from "./setup.mjs";

const PACKAGE = "code-server@4.139.1";
const INTEGRITY = "sha512-fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==";
const FOLDER = join(ROOT, ".cache", "vscode");
const NODE = bringNode("24");

/** No install script runs: logs, the file watcher and the terminal need native parts, and the checks use none of them. */
const WITHOUT = ["--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];

const PATIENCE_MS = 90_000;
/** Settings of a user who has seen the first-start dialogs and trusts the folder. */
const QUIET = {
  "chat.disableAIFeatures": true,
  "security.workspace.trust.enabled": false,
  "workbench.editor.restoreEditors": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.startupEditor": "none",
};

/** @returns the folder of VS Code's server */
export async function ensureVsCode() {
  const server = join(FOLDER, "package", "lib", "vscode");
  await once(
    "vscode",
    hash(PACKAGE, INTEGRITY),
    () =>
      step("Installing VS Code from npm into .cache/vscode (480 MB)", () => {
        rmSync(FOLDER, { recursive: true, force: true });
        const staged = mkdtempSync(`${FOLDER}.`);
        try {
          unpack(staged);
          renameSync(staged, FOLDER);
        } finally {
          rmSync(staged, { recursive: true, force: true });
        }
      }),
    join(server, "node_modules", "vscode-textmate"),
  );
  return server;
}

function unpack(staged) {
  const [{ filename, integrity }] = JSON.parse(run("npm", ["pack", "--json", PACKAGE], { cwd: staged }));
  if (integrity !== INTEGRITY) throw new Error(`${PACKAGE}: expected integrity ${INTEGRITY}, found ${integrity}`);
  run("tar", ["xf", filename], { cwd: staged });
  rmSync(join(staged, filename));
  const unpacked = join(staged, "package", "lib", "vscode");
  for (const cwd of [unpacked, join(unpacked, "extensions")])
    run("npm", ["install", ...WITHOUT], { cwd, env: NODE.env });
}

/** Opens a folder in a window. @returns what a user can do there, and read from it */
export async function openVsCode(server, folder, { data, extensions = [] }) {
  mkdirSync(join(data, "extensions"), { recursive: true });
  mkdirSync(join(data, "user", "User"), { recursive: true });
  for (const path of extensions) symlinkSync(path, join(data, "extensions", path.split("/").at(-1)));
  writeFileSync(join(data, "user", "User", "settings.json"), JSON.stringify(QUIET));
  const child = spawn(
    NODE.node,
    [
      ...["out/server-main.js", "--host", "127.0.0.1", "--port", "0", "--without-connection-token"],
      ...["--accept-server-license-terms", "--telemetry-level", "off", "--server-data-dir", data],
      ...["--user-data-dir", join(data, "user"), "--extensions-dir", join(data, "extensions")],
    ],
    { cwd: server, env: NODE.env, stdio: ["ignore", "pipe", "ignore"] },
  );
  const ended = new Promise(done => child.once("exit", done));
  let browser;
  const close = async () => {
    await browser?.close();
    child.kill();
    await ended;
  };
  try {
    const port = await boundPort(child);
    browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
    const page = await openPage(browser, `http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`);
    return { ...pressing(page), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The port of a server that has started. */
const boundPort = child =>
  new Promise((found, failed) => {
    let log = "";
    child.stdout.setEncoding("utf8").on("data", text => {
      log += text;
      const bound = /Server bound to 127\.0\.0\.1:(\d+)/.exec(log);
      if (bound && log.includes("Extension host agent started")) found(bound[1]);
    });
    child.once("exit", code => failed(new Error(`VS Code ended with exit ${code}:\n${log}`)));
  });

async function openPage(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  // VS Code requests the gallery of extensions, for one: no request leaves this machine.
  await page.route("**/*", (route, request) =>
    /^(http:\/\/127\.0\.0\.1:|blob:|data:)/.test(request.url()) ? route.continue() : route.abort(),
  );
  await page.goto(url);
  await page.locator(".monaco-workbench").waitFor({ timeout: PATIENCE_MS });
  return page;
}

/** Reads until two readings a second apart are equal and `wanted` holds, or the time is over. @returns the last reading */
async function settled(read, wanted) {
  const deadline = performance.now() + PATIENCE_MS;
  let last;
  for (;;) {
    const now = await read();
    if ((wanted(now) && JSON.stringify(now) === JSON.stringify(last)) || performance.now() > deadline) return now;
    last = now;
    await new Promise(done => setTimeout(done, 1000));
  }
}

function pressing(page) {
  const input = page.locator(".quick-input-widget input[type=text]");
  const rows = page.locator(".quick-input-list .monaco-list-row");
  const quick = async (key, text, row) => {
    await page.keyboard.press(key);
    await input.waitFor();
    await input.fill(text);
    await rows.filter({ hasText: row }).first().waitFor({ timeout: PATIENCE_MS });
    await page.keyboard.press("Enter");
    await input.waitFor({ state: "hidden" });
  };
  const texts = selector => page.locator(selector).allInnerTexts();
  const goTo = (line, column) => quick("Control+G", `:${line}:${column}`, /line/i);
  return {
    page,
    async open(name) {
      await quick("Control+P", name, name);
      await page.locator(".tab.active", { hasText: name }).waitFor();
      await page.locator(".view-line").first().waitFor();
    },
    /** Loads the window again, without the files that were open. */
    async restart() {
      await page.reload();
      await page.locator(".monaco-workbench .part.editor").waitFor({ timeout: PATIENCE_MS });
    },
    files: () => texts(".tabs-container .tab"),
    /** `Use Workspace Version`; the command is offered for TypeScript's own files alone. */
    async useWorkspaceVersion() {
      // An open palette does not show a command that an extension adds meanwhile.
      const isOffered = await settled(
        async () => {
          await page.keyboard.press("Escape");
          await page.keyboard.press("F1");
          await input.fill(">TypeScript: Select TypeScript Version");
          await rows.first().waitFor();
          return (await rows.first().textContent()).includes("Select TypeScript Version");
        },
        found => found,
      );
      if (!isOffered) throw new Error("the palette does not offer `Select TypeScript Version`");
      await page.keyboard.press("Enter");
      await rows.filter({ hasText: "Use Workspace Version" }).click({ timeout: PATIENCE_MS });
    },
    /** Presses a button of the notification with a text, once VS Code shows it. */
    async answer(text, button) {
      const notification = page.locator(".notification-list-item", { hasText: text });
      await notification.waitFor({ timeout: PATIENCE_MS });
      await notification.getByRole("button", { name: button, exact: true }).click();
      await notification.waitFor({ state: "hidden" });
    },
    /** Underlined lines of the open file. */
    underlined: wanted =>
      settled(
        () =>
          page.evaluate(() => {
            const lines = [...document.querySelectorAll(".editor-instance .view-line")];
            const tops = lines.map(line => [Math.round(line.getBoundingClientRect().top), line.textContent]);
            const marks = [...document.querySelectorAll(".editor-instance .squiggly-error")];
            const marked = new Set(marks.map(mark => Math.round(mark.getBoundingClientRect().top)));
            return tops.filter(([top]) => marked.has(top)).map(([, text]) => text.replaceAll("\u00a0", " "));
          }),
        wanted,
      ),
    async hover(line, column) {
      await goTo(line, column);
      return settled(
        async () => {
          await page.keyboard.press("Control+K");
          await page.keyboard.press("Control+I");
          return (await texts(".monaco-hover .monaco-tokenized-source")).join("\n");
        },
        text => text !== "",
      );
    },
    async completions(line, column) {
      await goTo(line, column);
      const found = await settled(
        async () => {
          await page.keyboard.press("Escape");
          await page.keyboard.press("Control+Space");
          await page.locator(".suggest-widget .monaco-list-row").first().waitFor({ timeout: PATIENCE_MS });
          return texts(".suggest-widget .monaco-list-row .label-name");
        },
        names => names.length > 0,
      );
      await page.keyboard.press("Escape");
      return found;
    },
    /** Kinds of tokens, as colors, in the line with a text. */
    colors: text =>
      page
        .locator(".view-line", { hasText: text })
        .first()
        .evaluate(line => new Set([...line.querySelectorAll("span span")].map(span => span.className)).size),
    screenshot: path => page.screenshot({ path }),
  };
}
