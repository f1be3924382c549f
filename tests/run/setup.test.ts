/** The set-up ends with the time of its downloads and of the rest. It compiles again only for sources, and replaces no program that runs. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, onTestFinished, test } from "vitest";
import { replaceFiles } from "../../scripts/bundling.mjs";
import { newest } from "../../scripts/setup.mjs";
import "../needs/built.js";
import { ROOT } from "./graph.mjs";

const SET_UP = `import { setup, step } from "./scripts/setup.mjs";
const pause = () => new Promise(done => setTimeout(done, 1500));
await step("one", pause, { downloads: true });
await step("two", pause);
await setup();`;

test("steps that download are reported apart, with the Node that was brought before", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", SET_UP], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, MERLON_NODE_MS: "60000" },
  });
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^Set-up: downloads 6[12]\.\d s, the rest \d+\.\d s$/m);
});

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-set-up-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("an example writes files beside its sources, for which nothing is compiled", () => {
  const folder = temporary();
  const write = (path: string, seconds: number): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), "");
    utimesSync(join(folder, path), seconds, seconds);
  };
  write("loop/loop.ts", 1000);
  write("loop/.work/served.ensemble.ts", 2000);
  write("loop/.work/split/plan.json", 2000);
  write("loop/data/events.json", 2000);
  expect(newest(folder)).toBe(1_000_000);
  write("loop/settings.json", 3000);
  expect(newest(folder)).toBe(3_000_000);
});

/** Looks for a file until it is sent a message, and answers how often the file was there and how often it was not. */
const WATCHER = `const { parentPort, workerData } = require("node:worker_threads");
const { readFileSync } = require("node:fs");
let [there, missing, isOver] = [0, 0, false];
parentPort.on("message", () => { isOver = true; });
const look = () => {
  for (let i = 0; i < 100; i++)
    try { readFileSync(workerData, "utf8") === "whole" ? there++ : missing++; } catch { missing++; }
  if (isOver) parentPort.postMessage({ there, missing });
  else setImmediate(look);
};
look();`;

test("a program that starts while the bundle is made again finds each file whole", async () => {
  const folder = temporary();
  const chunks = ["merlon.cjs", "chunk-1.cjs"].map(fileName => ({ fileName, code: "whole", isEntry: true }));
  writeFileSync(join(folder, "of-before.cjs"), "");
  replaceFiles(folder, chunks);
  expect(readdirSync(folder).toSorted()).toEqual(["chunk-1.cjs", "merlon.cjs"]);
  const watcher = new Worker(WATCHER, { eval: true, workerData: join(folder, "merlon.cjs") });
  onTestFinished(async () => void (await watcher.terminate()));
  const found = new Promise(resolve => {
    watcher.once("message", resolve);
  });
  await new Promise(resolve => {
    watcher.once("online", resolve);
  });
  for (let i = 0; i < 500; i++) replaceFiles(folder, chunks);
  watcher.postMessage("");
  const { there, missing } = (await found) as { readonly there: number; readonly missing: number };
  expect(there).toBeGreaterThan(0);
  expect(missing).toBe(0);
});
