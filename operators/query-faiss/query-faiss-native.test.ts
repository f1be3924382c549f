// Our binding of FAISS beside faiss-node in its thread: equal results, concurrent searches, errors for faults, memory that is freed.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readFaissHeaderFile } from "#formats/faiss/faiss.js";
import { openNativeIndex } from "#runtime/stores/vectors/native-index.js";
import { openIndex } from "#runtime/stores/vectors/open-index.js";
import { builtUrl } from "../../tests/needs/built.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const fixtures = join(root, "tests", "fixtures");
const binding = join(root, "build", "Release", "merlon-faiss.node");
const ivf = join(fixtures, "faiss-kinds", "1.15.1", "ivf-flat.faiss");
const some = (count: number, dimension: number, phase = 0) =>
  Float32Array.from({ length: count * dimension }, (_, i) => Math.sin(i * 1.7 + phase) * 2);
const folder = mkdtempSync(join(tmpdir(), "merlon-native-"));

beforeAll(() => {
  if (!existsSync(binding)) execFileSync(process.execPath, [join(root, "scripts", "native-faiss.mjs")]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("faults are errors", () => {
  test("queries of another dimension, k beyond the index", async () => {
    const index = await openIndex(ivf);
    await expect(index.search(some(1, 7), 1, 5)).rejects.toThrow(/ivf-flat\.faiss: 7 numbers are not 1 queries of 8/);
    await expect(index.search(some(1, 8), 1, 301)).rejects.toThrow(/k is 301, and the index holds 300/);
    expect((await index.search(some(1, 8), 1, 5)).ids.length).toBeGreaterThan(0);
  });
  test("what only FAISS itself refuses: a file changed after it was checked, bytes of nothing, wrong arguments", async () => {
    const header = readFaissHeaderFile(ivf);
    const cut = join(folder, "cut.faiss");
    writeFileSync(cut, readFileSync(ivf).subarray(0, 900));
    await expect(openNativeIndex(cut, header, {})).rejects.toThrow(/cut\.faiss/);
    const other = join(folder, "other.faiss");
    copyFileSync(join(fixtures, "faiss", "flat-l2.faiss"), other);
    await expect(openNativeIndex(other, { ...header, ids: "positions" }, {})).rejects.toThrow(
      /other\.faiss changed while it was read/,
    );
    const faiss = createRequire(import.meta.url)(binding);
    await expect(faiss.open(new Uint8Array(3))).rejects.toThrow();
    await expect(faiss.open(join(folder, "absent"))).rejects.toThrow(/absent/);
    for (const call of [
      () => faiss.open(1),
      () => faiss.searchSync({}, 1),
      () => faiss.searchAsync(),
      () => faiss.close(2),
    ])
      expect(call).toThrow();
  });
});

/** In a process of its own, since a binding stays loaded. */
const inProcess = (script: string, env: Record<string, string> = {}) => {
  const file = join(folder, "script.mjs");
  writeFileSync(file, script.replaceAll("DIST", builtUrl("")));
  const run = spawnSync(process.execPath, ["--expose-gc", file], { encoding: "utf8", env: { ...process.env, ...env } });
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  return run.stdout.trim();
};

test.each([
  ["ivf-flat.faiss", 3],
  ["../../faiss/ivf-l2.faiss", 3],
  ["../../faiss/ivf-sparse.faiss", 25],
])(
  "%s: by each processor's loops, and by FAISS where there are none, the same; fewer where lists end",
  (name, nprobe) => {
    const file = join(fixtures, "faiss-kinds", "1.15.1", name);
    const script = `import { openIndex } from "DIST/runtime/stores/vectors/open-index.js";
      const index = await openIndex(${JSON.stringify(file)}, { nprobe: ${nprobe} });
      const { dimension, ntotal } = index.header;
      const queries = () => Float32Array.from({ length: 25 * dimension }, (_, i) => Math.sin(i * 1.7) * 2);
      for (const k of [1, 7, ntotal]) {
        const { ids, distances, offsets } = await index.search(queries(), 25, Math.min(k, ntotal));
        console.log(JSON.stringify({ ids: [...ids].map(String).sort(), offsets: [...offsets], distances: [...distances] }));
      }`;
    const answers = (simd: string): { ids: string[]; offsets: number[]; distances: number[] }[] =>
      inProcess(script, { MERLON_SIMD: simd })
        .split("\n")
        .map(line => JSON.parse(line));
    const best = answers("");
    expect(best.map(({ ids }) => ids.length).every(count => count > 0)).toBe(true);
    const close = best.map(each => ({ ...each, distances: each.distances.map(d => expect.closeTo(d, 3) as number) }));
    for (const simd of ["avx2", "none"]) expect(answers(simd)).toEqual(close);
  },
);
