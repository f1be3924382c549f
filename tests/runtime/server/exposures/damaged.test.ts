// Logs that something else damaged or changed: what is recovered, what is kept, and what is said.
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { finishLog } from "#runtime/server/exposures/log-folder.js";
import { readBlocks } from "#runtime/server/exposures/read-blocks.js";
import { rowsOf } from "./logged-ensemble.js";
import { batchOf, folderOf, logsIn, writing } from "./small-batch.js";

const BATCHES = 40;
const idOf = (i: number): string => `r${String(i).padStart(2, "0")}`;
const IDS = Array.from({ length: BATCHES }, (_, i) => idOf(i));

let bytes: Buffer;
/** First and last position of each block. */
let blocks: readonly { readonly from: number; readonly to: number }[];
beforeAll(() => {
  const folder = folderOf();
  const writer = writing(folder);
  for (const id of IDS) writer.append(0, [batchOf(id)]);
  const path = join(folder, "m", logsIn(folder)[0]!);
  bytes = readFileSync(path);
  const file = openSync(path, "r");
  const ends = readBlocks(file).blocks.map(({ pages }) => pages.at(-1)!.offset + pages.at(-1)!.bytes);
  closeSync(file);
  const lengthOf = (at: number): number => 8 + bytes.readUInt32LE(at);
  const first = 8 + lengthOf(8) + lengthOf(8 + lengthOf(8));
  blocks = ends.map((to, i) => ({ from: ends[i - 1] ?? first, to }));
});

interface Outcome {
  readonly ids: readonly string[];
  readonly loss: string | undefined;
  readonly files: readonly string[];
}

/** Finishes a log with other bytes. */
async function finished(changed: Buffer): Promise<Outcome> {
  const base = join(folderOf(), "log");
  writeFileSync(`${base}.open`, changed);
  const { isMade, rows, loss } = finishLog(base);
  const ids = isMade ? await rowsOf(`SELECT request_id FROM '${base}.parquet' WHERE position = 1 ORDER BY 1`) : [];
  expect(rows).toBe(2 * ids.length);
  const files = readdirSync(join(base, ".."));
  if (files.includes("log.damaged")) expect(readFileSync(`${base}.damaged`).equals(changed)).toBe(true);
  return { ids: ids.map(({ request_id }) => request_id as string), loss, files };
}

const withByte = (at: number, flip = 1): Buffer => {
  const changed = Buffer.from(bytes);
  changed[at]! ^= flip;
  return changed;
};
const DAMAGED = ["log.damaged", "log.parquet"];

describe("one byte changed", () => {
  test("in the magic, or in either description: every row is recovered", async () => {
    const middle = (8 + blocks[0]!.from) / 2;
    for (const at of [0, 7, 8, 11, 12, 20, Math.floor(middle / 2), middle + 30, blocks[0]!.from - 1]) {
      const { ids, loss, files } = await finished(withByte(at));
      expect(ids, `byte ${at}`).toEqual(IDS);
      expect(loss).toMatch(/has \d+ damaged bytes: 80 rows were recovered, and it is kept as '.*log\.damaged'/);
      expect(files).toEqual(DAMAGED);
    }
  });
  test("anywhere in a block, its length and checksum too: the other blocks are recovered", async () => {
    for (const [i, { from, to }] of blocks.entries()) {
      if (i % 13 > 0) continue;
      const places = [...Array.from({ length: 12 }, (_, k) => from + k), from + Math.floor((to - from) / 2), to - 1];
      for (const at of places) {
        const file = Buffer.from(withByte(at, at === from + 1 ? 0xff : 1));
        const base = join(folderOf(), "log");
        writeFileSync(`${base}.open`, file);
        const { rows, loss } = finishLog(base);
        expect([rows, loss], `byte ${at - from} of block ${i}`).toEqual([
          2 * (BATCHES - 1),
          expect.stringContaining(`78 rows were recovered`),
        ]);
      }
    }
    const { ids, files } = await finished(withByte(blocks[7]!.from + 20));
    expect(ids).toEqual(IDS.filter(id => id !== idOf(7)));
    expect(files).toEqual(DAMAGED);
  });
});

test("bytes at random places, inserted, removed and zeroed: all blocks that are whole are recovered", async () => {
  let state = 42;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let run = 0; run < 36; run++) {
    const from = blocks[0]!.from + random(bytes.length - blocks[0]!.from);
    const length = 1 + random(run % 2 === 0 ? 20 : 3000);
    const [head, tail] = [bytes.subarray(0, from), bytes.subarray(from)];
    const cut = Math.min(length, tail.length);
    const junk = Buffer.from(Array.from({ length }, () => random(256)));
    const kind = run % 3;
    const changed = Buffer.concat(
      kind === 0 ? [head, junk, tail] : [head, ...(kind === 1 ? [Buffer.alloc(cut)] : []), tail.subarray(cut)],
    );
    const isHit = ({ from: start, to }: (typeof blocks)[number]): boolean =>
      kind === 0 ? start < from && from < to : start < from + cut && from < to;
    const wanted = IDS.filter((_, i) => !isHit(blocks[i]!));
    const { ids, loss, files } = await finished(changed);
    expect(ids, `run ${run}: ${length} bytes at ${from}`).toEqual(wanted);
    if (wanted.length < BATCHES) expect(loss).toBeDefined();
    if (loss?.includes("damaged")) expect(files).toEqual(DAMAGED);
  }
});

test("both descriptions damaged, a file of something else, and an empty one", async () => {
  const none = Buffer.from(bytes);
  for (let at = 20; at < blocks[0]!.from; at += 40) none[at]! ^= 1;
  for (const changed of [none, Buffer.from("something else\n"), Buffer.alloc(100_000)]) {
    const { ids, loss, files } = await finished(changed);
    expect(ids).toEqual([]);
    expect(loss).toMatch(/damaged bytes, among them its description: 0 rows were recovered/);
    expect(files).toEqual(["log.damaged"]);
  }
  const { loss, files } = await finished(Buffer.alloc(0));
  expect(loss).toContain("0 rows were recovered");
  expect(files).toEqual([]);
});

test("a block that a client wrote into a text costs a bounded time", { timeout: 60_000 }, async () => {
  const forged = Buffer.alloc(2 ** 20);
  // Each of these is the beginning of a block of 500 kB.
  for (let at = 0; at + 20 < forged.length / 2; at += 20) {
    forged.writeUInt32LE(500_000, at);
    forged.write('{"rows":', at + 12);
  }
  const { ids, loss } = await finished(Buffer.concat([withByte(blocks[39]!.from + 1, 0xff), forged]));
  expect(ids).toEqual(IDS.slice(0, -1));
  expect(loss).toContain("damaged bytes");
});

describe("a file that changes while it is written", () => {
  const changing = (change: (path: string) => void) => {
    const folder = folderOf();
    const writer = writing(folder);
    writer.append(0, [batchOf("a"), batchOf("b")]);
    change(join(folder, "m", logsIn(folder)[0]!));
    return { folder, writer };
  };
  const idsIn = async (folder: string) =>
    (await rowsOf(`SELECT DISTINCT request_id FROM '${folder}/m/*.parquet' ORDER BY 1`)).map(row => row.request_id);
  test.each<[string, (path: string) => void, string, string, readonly string[], number]>([
    ["removed", path => rmSync(path), "it was removed", "its 4 rows are not in a file", ["c"], 4],
    ["renamed", path => renameSync(path, `${path}.bak`), "it was renamed", "its 4 rows are not in a file", ["c"], 4],
    [
      "replaced",
      path => {
        renameSync(path, `${path}.bak`);
        writeFileSync(path, "x");
      },
      "it was replaced",
      "0 rows were recovered",
      ["c"],
      4,
    ],
    [
      "truncated to nothing",
      path => truncateSync(path, 0),
      "it has 0 bytes, and",
      "0 rows were recovered; 4 were written",
      ["c"],
      4,
    ],
    [
      "truncated in its second batch",
      path => truncateSync(path, readFileSync(path).length - 3),
      "bytes, and",
      "2 rows were recovered; 4 were written",
      ["a", "c"],
      2,
    ],
    ["appended to", path => appendFileSync(path, "more"), "bytes, and", "4 rows were recovered", ["a", "b", "c"], 0],
  ])(
    "%s: the next batch is written to a new file, and the loss is counted with a warning",
    async (_, change, what, loss, ids, rows) => {
      const { folder, writer } = changing(change);
      expect(writer.append(0, [batchOf("c")])).toMatchObject({ batches: 3, fault: undefined, dropped: rows });
      const { warnings, fault } = writer.end();
      expect(fault).toBeUndefined();
      expect(warnings).toEqual([expect.stringContaining(what), expect.stringContaining(loss)]);
      expect(await idsIn(folder)).toEqual(ids);
    },
  );
  test("removed or truncated after its last batch", async () => {
    const removed = changing(path => rmSync(path)).writer.end();
    expect(removed).toMatchObject({ dropped: 4, warnings: [expect.stringContaining("was removed or renamed")] });
    const { folder, writer } = changing(path => truncateSync(path, readFileSync(path).length - 3));
    expect(writer.end()).toMatchObject({ dropped: 2, warnings: [expect.stringContaining("4 were written")] });
    expect(await idsIn(folder)).toEqual(["a"]);
  });
});

test("a damaged log of a process that ended is recovered, kept and named", async () => {
  const folder = folderOf();
  const writer = writing(folder);
  writer.append(0, [batchOf("a"), batchOf("b")]);
  const own = logsIn(folder)[0]!;
  const gone = own.replace(/-([0-9a-f]{8})\.\d+\.\d+-/, "-$1.4999999.1-");
  const changed = readFileSync(join(folder, "m", own));
  changed[changed.length - 1]! ^= 1;
  writeFileSync(join(folder, "m", gone), changed);
  const state = writing(folder).tick();
  expect(state.fault).toBeUndefined();
  expect(state.warnings).toEqual([expect.stringContaining("2 rows were recovered, and it is kept as")]);
  const names = [own, gone.replace(".open", ".parquet"), gone.replace(".open", ".damaged")];
  expect(readdirSync(join(folder, "m")).sort()).toEqual(names.sort());
});
