// `npm run docs` builds the documentation as a site into docs/.vitepress/dist; `npm run docs:dev` serves it and follows changes.
// VitePress, TypeDoc and the playground's packages are 170 MB. They are installed into .cache/docs, by the lock file beside this script, and not with the tree's packages.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, ensurePackages, hash, once, ROOT, runBeside, step } from "../setup.mjs";

const CACHE = join(ROOT, ".cache", "docs");
const BIN = join(CACHE, "node_modules", "vitepress", "bin", "vitepress.js");

/** @returns the folder with the site's packages, which is installed once for each lock file */
export async function ensureSite() {
  const files = ["package.json", "package-lock.json"].map(name => join(import.meta.dirname, name));
  await once("docs", hash(...files.map(file => readFileSync(file, "utf8"))), () =>
    step("Installing VitePress, TypeDoc and the playground's packages (about 170 MB)", async () => {
      mkdirSync(CACHE, { recursive: true });
      for (const file of files) copyFileSync(file, join(CACHE, file.slice(import.meta.dirname.length + 1)));
      await runBeside("npm", ["ci", "--prefix", CACHE, "--ignore-scripts", "--no-audit", "--no-fund"]);
    }),
  );
  return CACHE;
}

/**
 * Writes the pages that VitePress reads. Needs the built product and `ensureSite`.
 * @param name folder below .cache/docs, where VitePress finds its packages
 * @returns the folder
 */
export async function stageSite(name) {
  const { stage } = await import("./stage.mjs");
  const { includes } = await import("./includes.mjs");
  const staged = join(CACHE, name);
  stage(staged, await includes(CACHE));
  await makePlayground(join(staged, "public", "playground"));
  return staged;
}

/** Writes the playground. Needs the built product and `ensureSite`. @param out folder, replaced */
export async function makePlayground(out) {
  const { buildPlayground } = await import("./playground/build.mjs");
  await buildPlayground(out, CACHE);
}

/**
 * Runs VitePress.
 * @param staged folder that `stageSite` wrote
 * @param {readonly string[]} args
 * @param {{ nodeArgs?: readonly string[], stdio?: import("node:child_process").StdioOptions }} options `nodeArgs` are for Node itself
 * @returns its exit code
 */
export const vitepress = (staged, args, { nodeArgs = [], stdio = "inherit" } = {}) =>
  new Promise((done, failed) =>
    spawn(process.execPath, [...nodeArgs, BIN, ...args], { cwd: staged, stdio })
      .on("error", failed)
      .on("exit", code => done(code ?? 1)),
  );

async function main() {
  await ensurePackages();
  await ensureSite();
  await compile();
  const staged = await stageSite("site");
  if (process.argv[2] !== "dev") {
    process.exitCode = await vitepress(staged, ["build", "--outDir", join(ROOT, "docs", ".vitepress", "dist")]);
    return;
  }
  let due;
  watch(join(ROOT, "docs"), { recursive: true }, () => {
    clearTimeout(due);
    due = setTimeout(() => void stageSite("site").catch(error => process.stderr.write(`${error.message}\n`)), 100);
  });
  process.exitCode = await vitepress(staged, ["dev"]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`npm run docs stopped: ${error.message}\n`);
    process.exitCode = 1;
  }
}
