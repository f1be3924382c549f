/**
 * `cli/code-cache.ts` on a bundle of two chunks. V8's cached data is beside them, and is used only if it is of the same source, whole,
 * and of this V8.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { builtUrl } from "../needs/built.js";

const LOADER = builtUrl("cli/code-cache.js");

const ENTRY = `const other = require("./other-abc.cjs");
let node_crypto = require("node:crypto");
exports.main = async () => {
  const { sep } = await __import("node:path");
  return [other.word(), sep, (0, node_crypto.createHash)("sha1").update("a").digest("hex").slice(0, 4), __filename.endsWith("entry.cjs")].join(" ");
};
`;
const other = (word: string): string => `exports.word = () => ${JSON.stringify(word)};\n`;

function bundle(): { readonly folder: string; run(...flags: string[]): string; caches(): readonly string[] } {
  const folder = mkdtempSync(join(tmpdir(), "merlon-bundle-"));
  writeFileSync(join(folder, "entry.cjs"), ENTRY);
  writeFileSync(join(folder, "other-abc.cjs"), other("hello"));
  const program = `import { runBundle } from ${JSON.stringify(LOADER)};
    process.stdout.write(await runBundle(new URL(${JSON.stringify(pathToFileURL(join(folder, "entry.cjs")).href)})).main());`;
  return {
    folder,
    run: (...flags) =>
      execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program], { encoding: "utf8" }),
    caches: () =>
      readdirSync(folder)
        .filter(name => name.endsWith(".cache"))
        .sort(),
  };
}

test("chunks run the same without a cache, with one, and with one of another source", () => {
  const { folder, run, caches } = bundle();
  expect(run()).toBe("hello / 86f7 true");
  expect(caches()).toEqual([
    expect.stringMatching(/^entry\.cjs\.\w+\.cache$/),
    expect.stringMatching(/^other-abc\.cjs\.\w+\.cache$/),
  ]);
  const written = statSync(join(folder, caches()[0]!)).mtimeMs;
  expect(run()).toBe("hello / 86f7 true");
  expect(statSync(join(folder, caches()[0]!)).mtimeMs).toBe(written);
  // V8 itself looks at the length alone.
  writeFileSync(join(folder, "other-abc.cjs"), other("howdy"));
  expect(run()).toBe("howdy / 86f7 true");
  expect(run()).toBe("howdy / 86f7 true");
});

test("a damaged cache and one cut short are made anew", () => {
  const { folder, run, caches } = bundle();
  run();
  const path = join(folder, caches()[1]!);
  const good = readFileSync(path);
  for (const bad of [
    Buffer.from(good.map((byte, i) => (i === good.length >> 1 ? byte ^ 0xff : byte))),
    good.subarray(0, good.length - 9),
    good.subarray(0, 5),
    Buffer.alloc(0),
  ]) {
    writeFileSync(path, bad);
    expect(run()).toBe("hello / 86f7 true");
    expect(readFileSync(path).subarray(0, 4)).toEqual(good.subarray(0, 4));
    expect(readFileSync(path).length).toBeGreaterThan(good.length - 9);
  }
});

test("where no cache can be written the program runs, and leaves nothing", () => {
  const { folder, run, caches } = bundle();
  run();
  const names = caches();
  const { folder: fresh, run: again } = bundle();
  for (const name of names) mkdirSync(join(fresh, name));
  expect(again()).toBe("hello / 86f7 true");
  expect(readdirSync(fresh).sort()).toEqual([...names, "entry.cjs", "other-abc.cjs"].sort());
  expect(folder).not.toBe(fresh);
});
