/** A read-only project: each command that writes names the file and the folder, exits with 1, and leaves nothing behind. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MERLON } from "../needs/built.js";

const SAMPLE = join(import.meta.dirname, "..", "samples", "workflow-ranking", "main.workflow.ts");
const folder = mkdtempSync(join(tmpdir(), "merlon-read-only-"));
const files = () => readdirSync(folder).sort();

beforeAll(() => {
  cpSync(SAMPLE, join(folder, "main.workflow.ts"));
  const wrong = readFileSync(SAMPLE, "utf8").replace("categorify(", "categorfy(");
  writeFileSync(join(folder, "wrong.workflow.ts"), wrong);
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  chmodSync(folder, 0o555);
});
afterAll(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

test.for([
  ["typegen main.workflow.ts", "merlon-env.d.ts"],
  ["check --fix wrong.workflow.ts", "wrong.workflow.ts"],
  ["migrate main.workflow.ts --to merlon", "main.merlon"],
  ["explain main.workflow.ts --format html --out plan.html", "plan.html"],
  ["fit main.workflow.ts --data data.parquet --out fitted", "fitted"],
] as const)("merlon %s", ([line, file], { skip }) => {
  skip(process.getuid!() === 0, "root may write everywhere; `npm test` runs the walls as an ordinary user");
  const before = files();
  const { status, stderr } = spawnSync(process.execPath, [MERLON, ...line.split(" ")], {
    cwd: folder,
    encoding: "utf8",
  });
  expect([status, stderr.trim().split("\n").at(-1)]).toEqual([
    1,
    expect.stringMatching(
      new RegExp(`^merlon: \\S*${file.replaceAll(".", "\\.")} can't be written: permission is denied \\(\\S+\\)$`),
    ),
  ]);
  expect(files()).toEqual(before);
});
