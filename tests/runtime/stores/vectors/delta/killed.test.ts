// A writer that is killed, or whose disk is full, loses no change that it finished, and leaves none that is not whole.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readDelta } from "#runtime/stores/vectors/delta/read-delta.js";
import { openDeltaWriter } from "#runtime/stores/vectors/delta/write-delta.js";
import { MERLON } from "../../../../needs/built.js";

const ROOT = join(import.meta.dirname, "../../../../..");
const KILLS = Number(process.env.DELTA_KILLS ?? 8);
const D = 16;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "merlon-killed-"));
  file = join(folder, "items.faiss.delta");
  // Commit n upserts the ids 100 n … 100 n + 99, and deletes those of commit n − 10.
  writeFileSync(
    join(folder, "writer.mjs"),
    `import { openDeltaWriter } from ${JSON.stringify(pathToFileURL(join(ROOT, "dist/runtime/stores/vectors/delta/write-delta.js")).href)};
const [file, from] = [process.argv[2], Number(process.argv[3])];
const header = () => ({ ids: "int64", dimension: ${D}, metric: "ip", unit: false, base: { file: "", bytes: 0, sha256: "0".repeat(64) } });
const writer = await openDeltaWriter(file, { waitMs: 5000, header });
const ids = n => BigInt64Array.from({ length: 100 }, (_, i) => BigInt(100 * n + i));
for (let n = from; n < from + 100_000; n++) {
  const vectors = new Float32Array(100 * ${D}).fill(n);
  try {
    writer.append({ upserts: [{ ids: ids(n), vectors, attributes: new Uint8Array(0) }], deletes: n >= 10 ? ids(n - 10) : undefined, positions: { source: String(n) } });
  } catch (error) {
    console.log(error.code);
    process.exit(0);
  }
  console.log(n);
}
`,
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The newest commit; every one up to it is there as a whole. */
async function newest(): Promise<number> {
  const delta = await readDelta(file);
  if (!delta || delta.contents.commits === 0) return -1;
  const { items, positions, commits, touched } = delta.contents;
  const n = Number(positions.get("source"));
  expect(commits).toBe(n + 1);
  expect(touched).toHaveLength(100 * (n + 1));
  const first = Math.max(0, n - 9);
  expect([...items.keys()]).toEqual(Array.from({ length: 100 * (n + 1 - first) }, (_, i) => BigInt(100 * first + i)));
  for (const [id, { vector }] of items) expect(vector[0]).toBe(Math.floor(Number(id) / 100));
  return n;
}

test(`${KILLS} kills`, { timeout: 600_000 }, async () => {
  expect(MERLON).toBeTruthy();
  let last = -1;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [join(folder, "writer.mjs"), file, String(last + 1)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let finished = last;
    const wanted = last + 1 + (kill % 7) * 3;
    for await (const line of createInterface(child.stdout)) {
      finished = Number(line);
      if (finished >= wanted && child.signalCode === null) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    const found = await newest();
    expect(found).toBeGreaterThanOrEqual(finished);
    last = found;
  }
  // The lock ended with its process, and the rest of a change is cut off.
  const writer = await openDeltaWriter(file, { waitMs: 0, header: () => Promise.reject(new Error("there is one")) });
  expect(statSync(file).size).toBe(writer.delta.end);
  writer.close();
});

test("a full disk: the change that does not fit is refused, and the others stay", { timeout: 120_000 }, async () => {
  const script = `trap '' XFSZ; ulimit -f 128; exec "$0" "$1" "$2" 0`;
  const child = spawn("bash", ["-c", script, process.execPath, join(folder, "writer.mjs"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) lines.push(line);
  expect(lines.at(-1)).toBe("EFBIG");
  expect(await newest()).toBe(Number(lines.at(-2)));
  expect(statSync(file).size).toBe((await readDelta(file))!.end);
});
