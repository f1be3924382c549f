/** A folder is on the disk before it takes the place of another, and its parent after. A power failure leaves the old one or the new one. */
import { mkdirSync, mkdtempSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { replaceFolder } from "#formats/folders/replace-folder.js";

const synced = vi.hoisted((): string[] => []);
vi.mock(import("node:fs"), async original => {
  const fs = await original();
  return {
    ...fs,
    fsyncSync(handle) {
      synced.push(readlinkSync(`/proc/self/fd/${handle}`));
      fs.fsyncSync(handle);
    },
  };
});

test.each(["nothing", "another folder"])("in the place of %s", there => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "merlon-synced-")));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const from = join(root, "from");
  mkdirSync(join(from, "1"), { recursive: true });
  writeFileSync(join(from, "1", "plan.json"), "{}");
  writeFileSync(join(from, "config.pbtxt"), "");
  const target = join(root, "models", "out");
  mkdirSync(there === "nothing" ? join(root, "models") : target, { recursive: true });
  synced.length = 0;
  replaceFolder(from, target);
  const made = [join(from, "1", "plan.json"), join(from, "1"), join(from, "config.pbtxt"), from];
  expect(synced.slice(0, -1).sort()).toEqual(made.sort());
  expect(synced.at(-1)).toBe(join(root, "models"));
});
