// `merlon index follow`: what it prints, how it stops, and its messages.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";
import { merlon } from "./merlon-command.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-follow-"));
  cpSync(join(import.meta.dirname, "../samples/artefacts/index/items.faiss"), join(folder, "items.faiss"));
  mkdirSync(join(folder, "in"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("prints each change, and ends by a signal", { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, [MERLON, "index", "follow", "items.faiss", "--folder", "in"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  for (const [name, ids] of [
    ["1.txt", "10\n21\n"],
    ["2.txt", "32\n"],
  ] as const) {
    // prettier-ignore
    writeFileSync(join(folder, name), ids);
    renameSync(join(folder, name), join(folder, "in", name));
    const { value } = (await lines.next()) as { value: string };
    expect(value).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z ${name} \\(0 upserts, ${ids.split("\n").length - 1} deletions\\)$`),
    );
  }
  child.kill("SIGTERM");
  expect((await lines.next()).value).toBe("✔ Applied 2 changes (0 upserts, 3 deletions)");
  expect(await ended).toEqual([0, null]);
});

test("names of files reach no terminal as commands", async () => {
  writeFileSync(join(folder, "in", "a\u001b[31m.csv"), "");
  writeFileSync(join(folder, "in", "b\u0007.txt"), "10\n");
  const { status, out, err } = await merlon(folder, "index", "follow", "items.faiss", "--folder", "in", "--once");
  expect([status, err]).toEqual([0, expect.stringContaining("in/a\\u001b[31m.csv is ignored")]);
  expect(out).toContain(" b\\u0007.txt (0 upserts, 1 deletions)\n");
  for (const control of ["\u0007", "\u001b"]) expect(out + err).not.toContain(control);
});

test.each([
  [[], /there is nothing to follow: give `--folder` or `--redis-stream`\./],
  [["--redis-stream", "redis://localhost"], /`--redis-stream` has two parts, a URL and a key/],
  [
    ["--redis-stream", "redis://127.0.0.1:1", "items"],
    /Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/,
  ],
  [
    ["--redis-stream", "redis://:hush-hush@127.0.0.1:1", "items"],
    /^(?!.*hush).*Redis at redis:\/\/…@127\.0\.0\.1:1 cannot/s,
  ],
  [["--folder", "out"], /out is not a folder\. Make it, and move files into it\./],
  [["--folder", "in", "--max-bytes", "1k"], /--max-bytes is `1k`; give a number of bytes/],
  [["--folder", "in", "--redis-stream", "a", "b"], /cannot be used with option/],
] as const)("%j", async (args, message) => {
  const { status, err } = await merlon(folder, "index", "follow", "items.faiss", ...args);
  expect([status, err]).toEqual([1, expect.stringMatching(message)]);
});
