/** Scripts and programs under a Node that is too old: scripts bring one through npm, programs print one sentence. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { builtFile } from "../needs/built.js";
import { ROOT } from "./graph.mjs";

/** Loaded first: claims to be an old Node, once, so that a process that it starts is of its real version. */
const CLAIM = `if (process.env.CLAIMED_NODE) {
  Object.defineProperty(process, "versions", { value: { ...process.versions, node: process.env.CLAIMED_NODE } });
  delete process.env.CLAIMED_NODE;
}`;
/** Stands in for npm: installs the running Node under its name, and counts its calls. */
const NPM = `#!${process.execPath}
const fs = process.getBuiltinModule("node:fs");
fs.appendFileSync(process.env.CALLS, process.argv.slice(2).join(" ") + "\\n");
if (process.env.NPM_FAILS) { console.error("npm error network"); process.exit(1); }
fs.mkdirSync("node_modules/.bin", { recursive: true });
if (!process.env.NPM_LEAVES_OUT) fs.symlinkSync(process.execPath, "node_modules/.bin/node");
`;
const SCRIPT = `import "./own-node.mjs";
if (process.argv[2] === "wait") {
  process.on("SIGTERM", () => { console.log("stopped"); process.exit(7); });
  setInterval(() => {}, 1000);
} else process.exitCode = 3;
// Last: whoever reads it may send a signal.
console.log("ran", process.versions.node, process.argv.slice(2).join(" "));
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-own-node-"));
  for (const path of ["package.json", "scripts/own-node.mjs", "scripts/node"])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "npm"), NPM);
  chmodSync(join(folder, "bin", "npm"), 0o755);
  writeFileSync(join(folder, "claim.cjs"), CLAIM);
  writeFileSync(join(folder, "scripts", "main.mjs"), SCRIPT);
});

const started = (version: string, more: NodeJS.ProcessEnv = {}) => ({
  cwd: folder,
  env: {
    ...process.env,
    PATH: `${join(folder, "bin")}:${process.env.PATH}`,
    CALLS: join(folder, "calls"),
    CLAIMED_NODE: version,
    ...more,
  },
});
const words = (...args: string[]) => ["-r", join(folder, "claim.cjs"), join(folder, "scripts", "main.mjs"), ...args];
const run = (version: string, more?: NodeJS.ProcessEnv) =>
  spawnSync(process.execPath, words("a", "b"), { ...started(version, more), encoding: "utf8" });
const calls = (): string[] =>
  existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : [];
const cached = (): string[] => {
  const path = join(folder, ".cache", "node");
  return existsSync(path) ? readdirSync(path) : [];
};

describe("scripts", () => {
  test("run at once under a supported Node", () => {
    const { status, stdout } = run("22.22.0");
    expect([status, stdout]).toEqual([3, "ran 22.22.0 a b\n"]);
    expect(calls()).toEqual([]);
  });

  test("bring a Node through npm under an older one, once, and say so", () => {
    const first = run("20.19.2");
    expect(first.stdout).toBe(
      `Installing Node 22 and npm from npm into .cache/node/22 (about 60 MB)\nNode 20.19.2 is older than 22.22.0: running with Node ${process.versions.node} from .cache/node/22\nran ${process.versions.node} a b\n`,
    );
    expect(first.status).toBe(3);
    const second = run("20.19.2");
    expect(second.stdout).toBe(first.stdout.replace(/^.*\n/, ""));
    expect(calls()).toEqual(["ci --ignore-scripts --no-audit --no-fund"]);
    expect(cached()).toEqual(["22"]);
  });

  test("bring it again when its lock file changed", () => {
    run("20.19.2");
    const lock = join(folder, "scripts", "node", "22", "package-lock.json");
    writeFileSync(lock, `${readFileSync(lock, "utf8")}\n`);
    expect(run("20.19.2").status).toBe(3);
    expect(calls()).toHaveLength(2);
    expect(cached()).toEqual(["22"]);
  });

  test("stop with npm's own words where it fails, and leave nothing behind", () => {
    const { status, stdout, stderr } = run("20.19.2", { NPM_FAILS: "1" });
    expect(status).toBe(1);
    expect(stdout).not.toContain("ran");
    expect(stderr).toMatch(/^\n`npm ci [^\n]*` of [^\n]*\/scripts\/node\/22 failed:\nnpm error network\n/);
    expect(cached()).toEqual([]);
  });

  test("say where to get a Node for a machine that npm has none for", () => {
    const { status, stderr } = run("20.19.2", { NPM_LEAVES_OUT: "1" });
    expect(status).toBe(1);
    expect(stderr).toBe(
      `\nnpm has no Node 22 for ${process.platform} on ${process.arch}. Install Node 22.22.0 or newer from https://nodejs.org/en/download, then try again.\n`,
    );
    expect(cached()).toEqual([]);
  });

  test("hand signals on to it, and end with its exit code", async () => {
    const child = spawn(process.execPath, words("wait"), { ...started("20.19.2"), stdio: ["ignore", "pipe", "pipe"] });
    try {
      let output = "";
      child.stdout.setEncoding("utf8").on("data", text => (output += text));
      await vi.waitFor(() => expect(output).toContain("ran "), { timeout: 20_000 });
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      expect(await ended).toEqual([7, null]);
      expect(output).toMatch(/stopped\n$/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe.each(["merlon", "tritonserver"])("%s", name => {
  const start = (version: string) =>
    spawnSync(process.execPath, ["-r", join(folder, "claim.cjs"), builtFile(`bin/${name}.cjs`), "--help"], {
      ...started(version),
      encoding: "utf8",
    });

  test.each(["18.20.8", "20.20.2", "22.21.1"])("refuses Node %s in one sentence", version => {
    const { status, stdout, stderr } = start(version);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      new RegExp(
        `^${name} needs Node 22\\.22 or newer and this is Node ${version.replaceAll(".", "\\.")}: [^\\n]*install one from https://nodejs\\.org/en/download\\n$`,
      ),
    );
    if (process.platform === "linux")
      expect(stderr).toContain(`put \`npx --yes --package=node-linux-${process.arch}@22 --\` before the command`);
  });

  test.each(["22.22.0", "24.0.0", "100.1.0"])("starts under Node %s", version => {
    const { stdout, stderr } = start(version);
    expect(stdout + stderr).toContain("Usage: ");
  });
});
