/** A killed fit resumes: same data, same folder byte for byte, less work. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { merlon } from "../../cli/merlon-command.js";
import { MERLON } from "../../needs/built.js";
import { until } from "../../run/wait.js";
import { inFolder } from "./run-workflow.js";
import { withDuckDB } from "./table-values.js";

const COLUMNS = ["a", "b", "c", "d", "e", "f"];

const entriesOf = (journal: string): number =>
  existsSync(journal) ? readdirSync(journal).filter(name => name.endsWith(".json")).length : 0;

/** Kills a fit as soon as its journal holds two pieces of work. */
async function killHalfway(folder: string, args: readonly string[], journal: string): Promise<void> {
  const child = spawn(process.execPath, [MERLON, ...args], { cwd: folder, stdio: "ignore" });
  const ended = once(child, "exit");
  await until("a journal of two", () => child.exitCode !== null || entriesOf(journal) >= 2, 60_000);
  child.kill("SIGKILL");
  await ended;
}

function filesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const file = join(parentPath, name);
      return [file.slice(folder.length), readFileSync(file, "base64")];
    }),
  );
}

test("a killed fit resumes, and starts anew when the data changed", async () => {
  await inFolder(async folder => {
    const columns = COLUMNS.map((name, i) => `'${name}' || (hash(i * ${2 * i + 3}) % ${4000 * (i + 1)}) AS ${name}`);
    const data = join(folder, "data.parquet");
    await withDuckDB(query =>
      query(`COPY (SELECT ${columns.join(", ")} FROM range(300000) r(i)) TO '${data}' (FORMAT parquet)`),
    );
    const program = `import { categorify, source, workflow } from "merlon";\nconst d = source({ ${COLUMNS.map(name => `${name}: "string"`).join(", ")} });\nexport default workflow("w", d[[${COLUMNS.map(name => `"${name}"`).join(", ")}]] >> categorify());\n`;
    writeFileSync(join(folder, "w.workflow.ts"), program);
    const args = ["fit", "w.workflow.ts", "--data", "data.parquet", "--out"];
    const journal = join(folder, ".merlon-fit-etl");
    expect((await merlon(folder, ...args, "whole")).status).toBe(0);
    const killed = async () => {
      rmSync(join(folder, "etl"), { recursive: true, force: true });
      await killHalfway(folder, [...args, "etl"], journal);
      expect(entriesOf(journal)).toBeGreaterThanOrEqual(2);
      expect(existsSync(join(folder, "etl"))).toBe(false);
    };

    await killed();
    const again = await merlon(folder, ...args, "etl");
    expect(again.out).toMatch(/resumed a fit of the same program and data: [2-7] of its parts were done/);
    expect(filesOf(join(folder, "etl"))).toEqual(filesOf(join(folder, "whole")));
    expect(existsSync(journal)).toBe(false);

    await killed();
    utimesSync(data, new Date(), new Date(Date.now() + 5000));
    expect((await merlon(folder, ...args, "etl")).out).not.toContain("went on");
  });
}, 500_000);
