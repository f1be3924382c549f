/**
 * How commands end: a signal in the middle, a place that can't be read or written. Each ends at once, names the reason, and leaves nothing
 * behind. `every-command.test.ts` has the commands one by one.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { builtUrl, MERLON } from "../needs/built.js";
import { until } from "../run/wait.js";

const SAMPLE = fileURLToPath(new URL("../samples/ensemble-merge/main.ensemble.ts", import.meta.url));
const place = (): string => mkdtempSync(join(tmpdir(), "merlon-ends-"));
const merlon = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MERLON, ...args], { encoding: "utf8" });
  return { status, text: stdout + stderr };
};

describe("a signal in the middle", () => {
  /** A process that holds a temporary and a staging folder, and waits. */
  const holding = async (code: string) => {
    const [temporary, out] = [place(), place()];
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { TemporaryFolder } from "${builtUrl("contract/files/temporary-folder.js")}";
         import { StagingFolder } from "${builtUrl("formats/folders/replace-folder.js")}";
         const held = [new TemporaryFolder("test"), new StagingFolder(${JSON.stringify(join(out, "model-repo"))})];
         ${code}
         console.log("made"); setInterval(() => {}, 1000);`,
      ],
      { env: { ...process.env, TMPDIR: temporary }, stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(child.stdout, "data");
    expect([readdirSync(temporary), readdirSync(out)].map(({ length }) => length)).toEqual([1, 1]);
    return { child, left: () => [...readdirSync(temporary), ...readdirSync(out)] };
  };
  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "%s: the process ends by it, and its folders go",
    async signal => {
      const { child, left } = await holding("");
      child.kill(signal);
      expect(await once(child, "exit")).toEqual([null, signal]);
      expect(left()).toEqual([]);
    },
  );
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s during `check --watch` ends it at once, while it checks too",
    async signal => {
      const folder = place();
      // A file that never ends: the check is in the middle of it.
      const begun = join(folder, "begun");
      writeFileSync(
        join(folder, "endless.ensemble.ts"),
        `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(begun)}, "");\nfor (;;) {}\n`,
      );
      const child = spawn(process.execPath, [MERLON, "check", "--watch", join(folder, "endless.ensemble.ts")]);
      await until("the check", () => existsSync(begun));
      child.kill(signal);
      expect(await once(child, "exit")).toEqual([null, signal]);
    },
    30_000,
  );
});

test("what can't be read or written is named, with the reason", () => {
  const folder = place();
  mkdirSync(join(folder, "dir"));
  const dir = join(folder, "dir");
  const none = join(folder, "none");
  expect(merlon("predict", dir, "--data", "x.parquet", "--out", "y.parquet")).toEqual({
    status: 1,
    text: `merlon: the model ${dir} can't be read: it is a folder\n`,
  });
  expect(merlon("index", "info", none)).toEqual({
    status: 1,
    text: `merlon: the index ${none} can't be read: there is no such file\n`,
  });
  expect(merlon("typegen", "--model-repository", none)).toEqual({
    status: 1,
    text: `merlon: the repository ${none} can't be read: there is no such file\n`,
  });
  // Node's own recursion would never return from /proc.
  const built = merlon("build", SAMPLE, "--out", "/proc/nowhere/model-repo");
  expect(built).toEqual({ status: 1, text: expect.stringContaining("/proc/nowhere/model-repo can't be written: ") });
  expect(existsSync("/proc/nowhere")).toBe(false);
}, 60_000);

describe("a folder where a file belongs is named, with the option", () => {
  const dir = place();
  const models = fileURLToPath(new URL("../../model-repo", import.meta.url));
  const isFolder = (what: string): string => `merlon: ${what} ${dir} can't be read: it is a folder\n`;
  test.each([
    [["typegen", SAMPLE, "--out", dir], isFolder("the types")],
    [["typegen", SAMPLE, "--check", "--out", dir], isFolder("the types")],
    [["typegen", "--model-repository", models, "--out", dir], isFolder("--out")],
    [["client", "status", "--ca", dir], isFolder("--ca")],
    [["client", "status", "--cert", dir], isFolder("--cert")],
    [["client", "status", "--key", dir], isFolder("--key")],
    [["client", "load", "m", "--config", dir], isFolder("--config")],
    [["client", "load", "m", "--file", `1/model.onnx=${dir}`], isFolder("--file")],
    [["client", "infer", "m", "--data", `@${dir}`], isFolder("--data")],
    [["record", "--target", "http://127.0.0.1:1", "--ca", dir], isFolder("--ca")],
    [["stats", dir], `merlon: \`${dir}\` names no file. Give a path or a quoted glob, such as 'data/*.parquet'.\n`],
  ])("merlon %j", (args, text) => {
    expect(merlon(...args)).toEqual({ status: 1, text });
  });
});

test.each(["70000", "-1", "1.5", "80a"])("port %j is refused", port => {
  const { status, text } = merlon("serve", "--model-repository", tmpdir(), `--http-port=${port}`);
  expect(status).toBe(1);
  expect(text).toContain(`--http-port takes a whole number from 0 to 65535, not ${port}`);
});
