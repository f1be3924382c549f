// Changes bytes of FAISS files, then opens and searches the results in a process of its own. A damaged index is refused or searched without
// harm. `npm run fuzz:faiss -- [--changes N] [--seed S] [--thread]`; ends with 1 if a process dies, or throws an error that is not a
// refusal.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openIndex } from "../../dist/runtime/stores/vectors/open-index.js";

const FIXTURES = fileURLToPath(new URL("../fixtures/faiss-kinds", import.meta.url));
const INTS = [0, 1, -1, 2, 7, 255, 65_535, 0x7fffffff, -0x80000000, 1_000_000, 299, 300, 301];
const LONGS = [0n, -1n, 1n, 2n ** 31n, 2n ** 33n, 2n ** 62n, 300n];
const { values } = parseArgs({
  options: {
    child: { type: "string" },
    changes: { type: "string", default: "500" },
    seed: { type: "string", default: "1" },
    version: { type: "string" },
    thread: { type: "boolean", default: false },
  },
});

if (values.child) await changeAll(values.child);
else main();

function main() {
  for (const version of readdirSync(FIXTURES).filter(name => !values.version || name === values.version)) {
    const args = ["--child", version, "--changes", values.changes, "--seed", values.seed];
    if (values.thread) args.push("--thread");
    const { status, signal } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...args], {
      stdio: "inherit",
    });
    if (status === 0) continue;
    process.stdout.write(`died (${signal ?? status})\n`);
    process.exitCode = 1;
  }
}

async function changeAll(version) {
  for (const name of readdirSync(join(FIXTURES, version)).filter(name => name.endsWith(".faiss"))) {
    process.stdout.write(`${version} ${name}: `);
    const seen = await change(
      join(FIXTURES, version, name),
      Number(values.seed),
      Number(values.changes),
      values.thread,
    );
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  }
  // A thread that waits for the next search is none to wait for.
  process.exit();
}

/** Numbers that repeat for a seed. */
function draw(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function damage(original, random) {
  const bytes = Buffer.from(original);
  for (let edit = random(3); edit >= 0; edit--) {
    // Headers are at both ends.
    const within = [bytes.length, 300, 100][random(3)];
    const at =
      random(4) === 0
        ? bytes.length - 1 - random(Math.min(within, bytes.length))
        : random(Math.min(within, bytes.length));
    const how = random(4);
    if (how === 0) bytes[at] = random(256);
    else if (how === 1) bytes[at] ^= 1 << random(8);
    else if (how === 2 && at + 4 <= bytes.length) bytes.writeInt32LE(INTS[random(INTS.length)], at);
    else if (how === 3 && at + 8 <= bytes.length) bytes.writeBigInt64LE(LONGS[random(LONGS.length)], at);
  }
  return bytes;
}

async function change(file, seed, count, thread) {
  const original = readFileSync(file);
  const random = draw(seed);
  const folder = mkdtempSync(join(tmpdir(), "merlon-fuzz-"));
  const path = join(folder, "x.faiss");
  const seen = { refused: 0, searched: 0, largestMegabytes: 0 };
  try {
    for (let i = 0; i < count; i++) {
      writeFileSync(path, damage(original, random));
      if (await survives(path, thread)) seen.searched++;
      else seen.refused++;
    }
    seen.largestMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
    return seen;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @returns whether it could be searched @throws errors that are not a refusal by the file's name */
async function survives(path, thread) {
  const index = await openIndex(path, {}, thread ? "thread" : "fastest").catch(error => {
    if (!error.message.startsWith(path)) throw error;
  });
  if (!index) return false;
  const { dimension, ntotal, longestQuery } = index.header;
  const scale = Math.min(1, longestQuery / Math.sqrt(dimension));
  if (ntotal > 0)
    for (const [queries, k] of [
      [1, Math.min(10, ntotal)],
      [3, ntotal],
      [25, Math.min(5, ntotal)],
    ])
      await index.search(
        Float32Array.from({ length: queries * dimension }, (_, j) => scale * Math.sin(j)),
        queries,
        k,
      );
  await index.close();
  return true;
}
