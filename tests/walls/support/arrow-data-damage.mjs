// Reads an Arrow file as `merlon fit` reads data, with each of its bytes changed, and cut at every fifth length. `node
// arrow-data-damage.mjs FILE` prints the numbers of read and refused ones, and the most CPU milliseconds of one.
import { readFileSync, writeFileSync } from "node:fs";
import { RecordBatchReader } from "apache-arrow";
import { arrowTypes } from "../../../dist/runtime/etl/arrow-data.js";

const original = new Uint8Array(readFileSync(process.argv[2]));
const path = `${process.argv[2]}.damaged`;
const seen = { read: 0, refused: 0, unreadable: 0, odd: [], mostMs: 0 };

async function open(bytes) {
  writeFileSync(path, bytes);
  const before = process.cpuUsage();
  try {
    await arrowTypes(path);
  } catch (error) {
    seen.refused++;
    // A damaged schema may have two columns of one name.
    if (!/^(?:reading `[^`]*` failed: |`[^`]*` has two columns )/.test(error.message)) seen.odd.push(String(error));
    return;
  } finally {
    count(before);
  }
  seen.read++;
  try {
    // Values that passed the check: some are NaN, and all end.
    for (const batch of RecordBatchReader.from(bytes))
      for (let c = 0; c < batch.numCols; c++) {
        const vector = batch.getChildAt(c);
        for (let i = 0; i < batch.numRows; i++) String(vector.get(i));
      }
  } catch {
    seen.unreadable++;
  }
  count(before);
}

function count(before) {
  const { user, system } = process.cpuUsage(before);
  seen.mostMs = Math.max(seen.mostMs, (user + system) / 1000);
}

for (let length = 0; length < original.length; length += 5) await open(original.slice(0, length));
for (let at = 0; at < original.length; at++) {
  const bytes = original.slice();
  // The lowest bit, the highest, or all of a byte.
  bytes[at] ^= [0x01, 0x80, 0xff][at % 3];
  await open(bytes);
}
process.stdout.write(JSON.stringify({ ...seen, odd: [...new Set(seen.odd)].slice(0, 10) }));
