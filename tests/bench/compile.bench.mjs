// How long the compiler takes, and how much memory: `node tests/bench/compile.bench.mjs [repeats]` after `npm run build`. Each row runs in a
// process of its own; "cold" is its first compile, "warm" are those after it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A source of `columns` columns and a chain of `steps` operators over all of them. */
const wide = (columns, steps) => {
  const declared = Array.from({ length: columns }, (_, i) => `c${i}: "float32"`).join(", ");
  const chain = Array.from({ length: steps }, (_, i) => `const n${i + 1} = n${i} >> clip({ min: ${-i - 1} });`);
  return `import { clip, source, workflow } from "merlon";\nconst n0 = source({ ${declared} });\n${chain.join("\n")}\nexport default workflow("wide", n${steps});\n`;
};

const CASES = {
  "5,000 columns × 20 steps, checked": { goal: 5, text: wide(5000, 20) },
  "500 steps over 4 columns": { goal: 3, text: wide(4, 500) },
  "the shop's ensemble, built": { goal: 2, file: join(root, "examples/shop/recommend.ensemble.ts") },
};

async function measure(name, repeats) {
  const { build, compile, printDiagnostics } = await import("../../dist/compiler/index.js");
  const folder = mkdtempSync(join(tmpdir(), "merlon-compile-bench-"));
  const { text, file = join(folder, "main.workflow.ts") } = CASES[name];
  if (text) writeFileSync(file, text);
  const times = [];
  for (let i = 0; i <= repeats; i++) {
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const compiled = await compile(file, { timeoutSeconds: 60 });
    if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics, {}));
    if (!text) build(compiled, join(folder, "repository"));
    const used = process.cpuUsage(cpu);
    times.push({ wall: (performance.now() - started) / 1000, cpu: (used.user + used.system) / 1e6 });
  }
  rmSync(folder, { recursive: true, force: true });
  process.stdout.write(JSON.stringify({ times, peak: process.resourceUsage().maxRSS / 1024 }));
}

const [first, second] = process.argv.slice(2);
if (first === "--case") {
  await measure(second, Number(process.argv[4]));
  process.exit(0);
}
const repeats = Number(first ?? 5);
const seconds = value => value.toFixed(2).padStart(7);
process.stdout.write(`${"".padEnd(36)}   cold s  warm: min s  median s  CPU min s  peak MiB  goal s (warm)\n`);
for (const [name, { goal }] of Object.entries(CASES)) {
  const args = [fileURLToPath(import.meta.url), "--case", name, String(repeats)];
  const { times, peak } = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" }));
  const warm = times.slice(1);
  const walls = warm.map(t => t.wall).sort((a, b) => a - b);
  const median = walls[Math.floor(walls.length / 2)];
  const cpu = Math.min(...warm.map(t => t.cpu));
  process.stdout.write(
    `${name.padEnd(36)}  ${seconds(times[0].wall)}      ${seconds(walls[0])}   ${seconds(median)}    ${seconds(cpu)}  ${peak.toFixed(0).padStart(8)}  ${String(goal).padStart(6)}\n`,
  );
}
