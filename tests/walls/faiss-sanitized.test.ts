// The short form of `npm run fuzz:faiss:sanitized`: our binding's code with sanitizers, against the installed FAISS.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const fuzz = fileURLToPath(new URL("../fuzz/faiss-sanitized.mjs", import.meta.url));

test("files damaged in every field: each is unreadable, refused or searched, and no sanitizer finds a fault", async () => {
  const args = [fuzz, "--faiss", "installed", "--changes", "60"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 500_000 });
  const kinds = stdout
    .split("\n")
    .filter(line => line.includes(": {"))
    .map(line => JSON.parse(line.slice(line.indexOf("{"))) as Record<string, number>);
  expect(kinds.length).toBeGreaterThan(50);
  for (const { unreadable, refused, searched, faults } of kinds) {
    expect(faults).toBe(0);
    expect(unreadable! + refused! + searched!).toBe(60);
    // Each kind reaches native code, so that the run says something about it.
    expect(searched).toBeGreaterThan(0);
  }
}, 520_000);
