// The checker's cost for a program, in instantiations: a count, independent of the machine's load. A change that makes types more than
// a fifth dearer has to say so here.
import { spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { rewrite } from "#compiler/1-rewrite/rewrite.js";
import { builtFile } from "../../needs/built.js";

const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript")), "tsc.js");

const HEAD = 'import { categorify, clip, fillMissing, logOp, normalize, rename, source, workflow } from "merlon";\n';
const columns = (count: number) =>
  Array.from({ length: count }, (_, i) => `column_${i}: "${i % 2 ? "int64" : "float32"}"`).join(", ");

const PROGRAMS = {
  small: `const events = source({ ${columns(6)} });
const ids = events[["column_1", "column_3"]] >> categorify();
const rest = (events - ["column_1", "column_3"]) >> fillMissing(0) >> clip({ min: 0 }) >> logOp() >> normalize();
export default workflow("small", ids + rest);
`,
  "200 steps": `const events = source({ ${columns(50)} });
const made = events ${Array.from({ length: 200 }, (_, i) => [">> clip({ min: 0 })", ">> fillMissing(0)", ">> logOp()", '>> rename({ postfix: "_" })'][i % 4]).join(" ")};
export default workflow("steps", made);
`,
  "5,000 columns": `const events = source({ ${columns(5000)} });
const made = events ${Array.from({ length: 20 }, (_, i) => [">> clip({ min: 0 })", ">> fillMissing(0)", ">> logOp()", ">> normalize()"][i % 4]).join(" ")};
export default workflow("columns", made[["column_0", "column_4999"]] + (made - ["column_0", "column_4999"]));
`,
};

/** Recorded with TypeScript 6.0.3. Nodes carry the columns of their source for clients: once some 1,400, whatever the program. */
const BUDGET: Readonly<Record<keyof typeof PROGRAMS, number>> = {
  small: 5_166,
  "200 steps": 103_072,
  "5,000 columns": 523_988,
};

test.each(Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[])("%s", name => {
  const folder = mkdtempSync(join(tmpdir(), "merlon-budget-"));
  const { text } = rewrite(HEAD + PROGRAMS[name], "main.workflow.ts");
  writeFileSync(join(folder, "main.ts"), text);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "es2022",
        lib: ["es2022"],
        module: "nodenext",
        strict: true,
        noEmit: true,
        types: [],
        skipLibCheck: true,
        paths: { merlon: [builtFile("compiler/dsl/index.d.ts")] },
      },
      files: ["main.ts"],
    }),
  );
  const { stdout } = spawnSync(process.execPath, [TSC, "-p", folder, "--extendedDiagnostics"], { encoding: "utf8" });
  expect(stdout).not.toContain("error TS");
  const instantiations = Number(/^Instantiations:\s+(\d+)$/m.exec(stdout)?.[1]);
  expect(instantiations / BUDGET[name]).toBeGreaterThan(0.8);
  expect(instantiations / BUDGET[name]).toBeLessThan(1.2);
});
