// Logs of blocks, recovery after a kill, rotation, retention, a full disk, and the bound on memory.
import {
  closeSync,
  existsSync,
  lutimesSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { modelName } from "#contract/files/model-name.js";
import { finishLog, modelFolder } from "#runtime/server/exposures/log-folder.js";
import { readBlocks } from "#runtime/server/exposures/read-blocks.js";
import { Writer } from "#runtime/server/exposures/writer.js";
import { filesIn, rowsOf } from "./logged-ensemble.js";
import { batchOf, folderOf, logsIn, model, options, writing } from "./small-batch.js";

test("every type and every kind of null is read back by DuckDB", async () => {
  const folder = folderOf();
  const writer = writing(folder);
  expect(writer.append(0, [batchOf("a'\"\0ü")])).toMatchObject({ rows: 2, fault: undefined });
  expect(writer.end()).toMatchObject({ files: 1, fault: undefined });
  expect(await rowsOf(`SELECT * EXCLUDE (time), epoch_us(time) AS us FROM '${folder}/m/*.parquet'`)).toEqual([
    {
      request_id: "a'\"\0ü",
      request_row: 4,
      model: "m",
      version: 3n,
      plan: model.plan,
      artefacts: null,
      arm: null,
      seed: -5n,
      item: 7n,
      position: 1,
      score: 0.5,
      propensity: 0.25,
      list_propensity: 0.0625,
      sources: ["a"],
      log_rate: 1,
      age: null,
      tags: ["x"],
      half: 1,
      flag: true,
      tiny: null,
      wide: 2n ** 64n - 1n,
      us: 1_700_000_000_123_456n,
    },
    {
      request_id: "a'\"\0ü",
      request_row: 4,
      model: "m",
      version: 3n,
      plan: model.plan,
      artefacts: null,
      arm: null,
      seed: -5n,
      item: -(2n ** 63n),
      position: 2,
      score: Number.NEGATIVE_INFINITY,
      propensity: null,
      list_propensity: 0.0625,
      sources: ["a"],
      log_rate: 1,
      age: null,
      tags: [null, "ü"],
      half: -2,
      flag: false,
      tiny: 127,
      wide: 0n,
      us: 1_700_000_000_123_456n,
    },
  ]);
  const types = await rowsOf(`DESCRIBE FROM '${folder}/m/*.parquet'`);
  expect(types.map(row => `${row.column_name} ${row.column_type}`)).toEqual([
    "request_id VARCHAR",
    "request_row INTEGER",
    "time TIMESTAMP",
    "model VARCHAR",
    "version BIGINT",
    "plan VARCHAR",
    "artefacts VARCHAR",
    "arm VARCHAR",
    "seed BIGINT",
    "item BIGINT",
    "position INTEGER",
    "score DOUBLE",
    "propensity DOUBLE",
    "list_propensity DOUBLE",
    "sources VARCHAR[]",
    "log_rate DOUBLE",
    "age FLOAT",
    "tags VARCHAR[]",
    "half FLOAT",
    "flag BOOLEAN",
    "tiny TINYINT",
    "wide UBIGINT",
  ]);
});

describe("a log that was cut off at any byte", () => {
  test("keeps the blocks that are whole, and becomes a file", async () => {
    const folder = folderOf();
    const writer = writing(folder);
    for (const id of ["a", "b", "c"]) writer.append(0, [batchOf(id)]);
    const [name] = logsIn(folder);
    const bytes = readFileSync(join(folder, "m", name!));
    const file = openSync(join(folder, "m", name!), "r");
    const whole = readBlocks(file);
    closeSync(file);
    expect(whole.blocks).toHaveLength(3);
    const starts = [...whole.blocks.map(({ pages }) => pages[0]!.offset), bytes.length];
    const ends = whole.blocks.map(({ pages }) => pages.at(-1)!.offset + pages.at(-1)!.bytes);
    let step = 1;
    for (let cut = 0; cut <= bytes.length; cut += step) {
      step = step === 1 ? 7 : 1;
      const base = join(folderOf(), "cut");
      writeFileSync(`${base}.open`, bytes.subarray(0, cut));
      const expected = whole.blocks.filter(({ pages }) => pages.at(-1)!.offset + pages.at(-1)!.bytes <= cut).length;
      const { isMade, rows, loss } = finishLog(base);
      expect([isMade, rows], `cut at ${cut} of ${starts}`).toEqual([expected > 0, 2 * expected]);
      const isBetween = expected > 0 && ends.includes(cut);
      if (isBetween) expect(loss).toBeUndefined();
      else expect(loss).toContain(`ends in a batch that is not whole: ${2 * expected} rows were recovered`);
      expect(readdirSync(dirname(base))).toEqual(expected > 0 ? ["cut.parquet"] : []);
      if (cut % 97 === 0 && expected > 0)
        expect(await rowsOf(`SELECT count(*)::INT AS n FROM '${base}.parquet'`)).toEqual([{ n: 2 * expected }]);
    }
  });
});

test("a log whose file was finished before its process was killed is not read twice", async () => {
  const folder = folderOf();
  const writer = writing(folder);
  writer.append(0, [batchOf("a")]);
  const base = join(folder, "m", logsIn(folder)[0]!.replace(".open", ""));
  const bytes = readFileSync(`${base}.open`);
  writer.end();
  writeFileSync(`${base}.open`, bytes);
  finishLog(base);
  expect(readdirSync(join(folder, "m"))).toHaveLength(1);
});

test("logs of processes that ended are finished; those of living ones and files of others stay", async () => {
  const folder = folderOf();
  const writer = writing(folder);
  writer.append(0, [batchOf("a")]);
  const own = logsIn(folder)[0]!;
  const bytes = readFileSync(join(folder, "m", own));
  // The same machine, and a process that cannot be: the largest process id is below it.
  const gone = own.replace(/-([0-9a-f]{8})\.\d+\.\d+-/, "-$1.4999999.1-");
  writeFileSync(join(folder, "m", gone), bytes);
  writeFileSync(join(folder, "m", "notes.open"), "not a log");
  writeFileSync(join(folder, "other.txt"), "a file");
  const state = writing(folder).tick();
  expect(state.fault).toBeUndefined();
  expect(readdirSync(join(folder, "m")).sort()).toEqual([own, gone.replace(".open", ".parquet"), "notes.open"].sort());
});

test("a log ends at its size and at its age", async () => {
  const folder = folderOf();
  const writer = writing(folder, { rotateBytes: 2 ** 10 });
  for (let i = 0; i < 6; i++) writer.append(0, [batchOf(`r${i}`)]);
  const aged = writing(folderOf(), { rotateSeconds: 0 });
  aged.append(0, [batchOf("a")]);
  expect(aged.tick()).toMatchObject({ files: 1 });
  const { files } = writer.end();
  expect(files).toBeGreaterThan(1);
  expect(
    await rowsOf(`SELECT request_id, count(*)::INT AS n FROM '${folder}/m/*.parquet' GROUP BY ALL ORDER BY ALL`),
  ).toEqual(Array.from({ length: 6 }, (_, i) => ({ request_id: `r${i}`, n: 2 })));
});

test("retention removes old files that the server wrote, and nothing else", () => {
  const folder = folderOf();
  const writer = new Writer({ folder, ...options });
  writer.open({ ...model, retentionDays: 30 });
  writer.append(0, [batchOf("a")]);
  writer.close(0);
  const [name] = filesIn(join(folder, "m"));
  const path = (other: string) => join(folder, "m", other);
  const old = name!.replace(/[0-9a-f]{8}\.parquet/, "00000000.parquet");
  const link = name!.replace(/[0-9a-f]{8}\.parquet/, "00000001.parquet");
  const outside = join(folderOf(), "outside.parquet");
  const damaged = old.replace(".parquet", ".damaged");
  for (const file of [path(old), path(damaged), path("mine.parquet"), outside]) writeFileSync(file, "old");
  symlinkSync(outside, path(link));
  const then = new Date(Date.now() - 31 * 86_400_000);
  for (const file of [path(old), path(damaged), path("mine.parquet"), outside]) utimesSync(file, then, then);
  lutimesSync(path(link), then, then);
  expect(writer.tick()).toMatchObject({ removed: 2, fault: undefined });
  expect(readdirSync(join(folder, "m")).sort()).toEqual([name!, link, "mine.parquet"].sort());
  expect(existsSync(outside)).toBe(true);
});

test.each(["log", "log/", "/log", "x/../log//"])("the folder may be given as %s", path => {
  const base = folderOf();
  for (const given of [`${base}/${path}`, `./${relative(process.cwd(), base)}/${path}`]) {
    expect(readdirSync(modelFolder(given, modelName("m")))).toEqual([]);
    expect(existsSync(join(base, "log", "m"))).toBe(true);
  }
});

describe("places that cannot be written", () => {
  test("a file in the place of the folder, and a link in the place of a model's", () => {
    const folder = folderOf();
    writeFileSync(join(folder, "file"), "");
    const state = writing(join(folder, "file")).append(0, [batchOf("a")]);
    expect(state.fault).toMatch(/EEXIST|ENOTDIR/);
    const elsewhere = folderOf();
    symlinkSync(elsewhere, join(folder, "m"));
    expect(writing(folder).append(0, [batchOf("a")]).fault).toContain("is not a folder of its own");
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("batches wait, and are written when the folder is back", async () => {
    const parent = folderOf();
    const folder = join(parent, "log");
    writeFileSync(folder, "in the way");
    const writer = writing(folder);
    for (const id of ["a", "b"]) expect(writer.append(0, [batchOf(id)]).batches).toBe(0);
    expect(writer.state.waiting).toBe(2);
    renameSync(folder, join(parent, "aside"));
    expect(writer.tick()).toMatchObject({ batches: 2, rows: 4, fault: undefined });
    writer.end();
    expect(await rowsOf(`SELECT request_id FROM '${folder}/m/*.parquet' WHERE position = 1 ORDER BY 1`)).toEqual([
      { request_id: "a" },
      { request_id: "b" },
    ]);
  });
});
