// Reads an Arrow file with each of its bytes changed, and cut at each length. `node arrow-damage.mjs FILE` prints how many were read and refused,
// and the most CPU milliseconds that one took.
import { readFileSync } from "node:fs";
import { readArrowColumns } from "../../../dist/formats/arrow/arrow-columns.js";

const original = new Uint8Array(readFileSync(process.argv[2]));
const seen = { read: 0, refused: 0, odd: [], mostMs: 0 };

function open(bytes) {
  const before = process.cpuUsage();
  try {
    for (const { values } of Object.values(readArrowColumns(bytes)))
      if (values.length > 8 * original.length) seen.odd.push(`${values.length} values of ${bytes.length} bytes`);
    seen.read++;
  } catch (error) {
    seen.refused++;
    if (!(error instanceof Error) || error instanceof RangeError || error instanceof TypeError)
      seen.odd.push(String(error));
  }
  const { user, system } = process.cpuUsage(before);
  seen.mostMs = Math.max(seen.mostMs, (user + system) / 1000);
}

for (let length = 0; length < original.length; length++) open(original.slice(0, length));
for (let at = 0; at < original.length; at++)
  for (const change of [0x01, 0x80, 0xff, 0x55]) {
    const bytes = original.slice();
    bytes[at] ^= change;
    open(bytes);
  }
seen.odd = seen.odd.slice(0, 3);
process.stdout.write(JSON.stringify(seen));
