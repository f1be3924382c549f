/**
 * S9: builds that are killed at random points leave the old repository or the new one.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomFrom } from "../../fuzz/mutate.mjs";
import { DIST } from "../support/server-process.mjs";
import { ROOT } from "../support/tests.mjs";

const SAMPLES = join(ROOT, "tests", "samples");
const MAIN = join(DIST, "cli", "main.js");

/** For each build that is to be killed: some end before. */
const MOST_BUILDS = 3;

/** A hash over the paths and bytes of a folder. */
function fingerprint(folder) {
  const hash = createHash("sha256");
  for (const path of readdirSync(folder, { recursive: true }).sort())
    if (statSync(join(folder, path)).isFile())
      hash
        .update(path)
        .update("\0")
        .update(readFileSync(join(folder, path)));
  return hash.digest("hex");
}

async function kill(count, seed) {
  const random = randomFrom(seed);
  const folder = mkdtempSync(join(tmpdir(), "merlon-kills-"));
  try {
    const source = join(folder, "program", "main.ensemble.ts");
    const out = join(folder, "repository");
    mkdirSync(join(folder, "program"));
    cpSync(join(SAMPLES, "artefacts"), join(folder, "artefacts"), { recursive: true });
    const text = readFileSync(join(SAMPLES, "ensemble-four-stages", "main.ensemble.ts"), "utf8");
    const write = topk => writeFileSync(source, text.replace("topk: 5", `topk: ${topk}`));
    const build = () => [MAIN, "build", source, "--out", out];
    const valid = new Set();
    let wholeMs = 0;
    for (const topk of [6, 7]) {
      write(topk);
      const started = performance.now();
      const { status, stderr } = spawnSync(process.execPath, build(), { encoding: "utf8" });
      if (status !== 0) throw new Error(`the build failed: ${stderr.slice(-1000)}`);
      wholeMs = performance.now() - started;
      valid.add(fingerprint(out));
    }
    let [killed, mixed, builds] = [0, 0, 0];
    for (; killed < count && builds < MOST_BUILDS * count; builds++) {
      write(6 + (builds % 2));
      const started = performance.now();
      const child = spawn(process.execPath, build(), { stdio: "ignore" });
      // Most of a build compiles; its end is what writes.
      const share = random.below(4) ? 0.6 + random.next() * 0.5 : random.next();
      const timer = setTimeout(() => child.kill("SIGKILL"), wholeMs * share);
      const code = await new Promise(resolve => child.on("exit", resolve));
      clearTimeout(timer);
      if (code === null) killed++;
      // Other work may have run beside the first build, and most kills would miss the shorter ones.
      else wholeMs = Math.min(wholeMs, performance.now() - started);
      if (!valid.has(fingerprint(out))) mixed++;
    }
    const { status } = spawnSync(process.execPath, build(), { encoding: "utf8" });
    const left = readdirSync(folder).filter(name => !["artefacts", "program", "repository"].includes(name));
    return {
      figure: `${killed} of ${builds} builds killed: ${mixed} mixed repositories, ${left.length} leftovers after the next build`,
      pass: mixed === 0 && status === 0 && left.length === 0 && killed === count,
      note: left.join(", "),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const LINES = [
  {
    id: "S9",
    title: "kill -9 during a build",
    bar: "20: 0 mixed (full: 200 killed)",
    quick: async ({ tests }) => {
      const { passed, total } = await tests.count(["tests/compiler/5-emit/build.test"], { title: /kill -9/ });
      return { figure: `${passed} of ${total} tests (14 builds killed)`, pass: total > 0 && passed === total };
    },
    full: ({ seed }) => kill(200, seed),
  },
];
