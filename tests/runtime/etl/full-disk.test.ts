/** A disk that is full, or a file that may grow no further: a message with a way out, and nothing half written. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { merlon } from "../../cli/merlon-command.js";
import { MERLON } from "../../needs/built.js";
import { inFolder } from "./run-workflow.js";
import { withDuckDB } from "./table-values.js";

/** Runs the command with a limit on the size of files (in blocks of 1024 bytes), which writes meet as a full disk. */
const limited = (folder: string, blocks: number, ...args: string[]) =>
  new Promise<{ status: number; err: string }>(resolve => {
    const script = `trap '' XFSZ; ulimit -f ${blocks}; exec "$@"`;
    execFile("bash", ["-c", script, "bash", process.execPath, MERLON, ...args], { cwd: folder }, (error, _out, err) =>
      resolve({ status: error ? Number(error.code) : 0, err }),
    );
  });

const NO_ROOM =
  /^merlon: EFBIG: file too large, write\. There is no space to write: free some, or write to another folder/;

test("fit and transform report it, and the previous output stays", async () => {
  await inFolder(async folder => {
    await withDuckDB(query =>
      query(
        `COPY (SELECT 'value number ' || i AS x FROM range(200000) t(i)) TO '${folder}/data.parquet' (FORMAT parquet)`,
      ),
    );
    const program = (name: string) =>
      `import { categorify, source, workflow } from "merlon";\nconst d = source({ x: "string" });\nexport default workflow("${name}", d["x"] >> categorify());\n`;
    writeFileSync(join(folder, "w.workflow.ts"), program("w"));
    const fit = ["fit", "w.workflow.ts", "--data", "data.parquet", "--out", "etl"];
    expect(await merlon(folder, ...fit)).toMatchObject({ status: 0 });
    const before = readFileSync(join(folder, "etl/workflow.json"), "utf8");
    const failed = await limited(folder, 512, ...fit);
    expect(failed.status).toBe(1);
    expect(failed.err).toMatch(NO_ROOM);
    expect(readFileSync(join(folder, "etl/workflow.json"), "utf8")).toBe(before);
    const transform = await limited(folder, 256, "transform", "etl", "--data", "data.parquet", "--out", "out.parquet");
    expect(transform.status).toBe(1);
    // A slow machine shows its progress before.
    expect(transform.err).toMatch(
      /^(transform: .* rows\/s\n)*merlon: .*too large\. There is no space to write: free some/,
    );
    const arrow = await limited(folder, 256, "transform", "etl", "--data", "data.parquet", "--out", "out.arrow");
    expect(arrow).toMatchObject({ status: 1, err: expect.stringMatching(NO_ROOM) });
    expect(readdirSync(folder).sort()).toEqual(["data.parquet", "etl", "w.workflow.ts"]);
    // Room again: both go through.
    expect(await merlon(folder, ...fit)).toMatchObject({ status: 0 });
    expect(await merlon(folder, "transform", "etl", "--data", "data.parquet", "--out", "out.parquet")).toMatchObject({
      status: 0,
    });
  });
}, 120_000);
