/**
 * A FAISS file whose ids exceed a JavaScript number, or are negative → the same index with positions, and the ids
 * separately.
 */
import { readFileSync } from "node:fs";
import { bytesSource, withFile } from "../bytes/byte-source.js";
import type { FaissLayout } from "./faiss-header.js";
import { readFaissLayout } from "./faiss-layout.js";

/**
 * @param always also where every id is a number that both sides can say
 * @returns undefined when the file can be used as it is
 */
export function detachIds(
  path: string,
  always = false,
): { readonly bytes: Uint8Array; readonly ids: BigInt64Array } | undefined {
  if (!always && withFile(path, source => plain(source, readFaissLayout(source, path)))) return undefined;
  const bytes = new Uint8Array(readFileSync(path));
  const { header, idRuns } = readFaissLayout(bytesSource(bytes), path);
  const ids = new BigInt64Array(header.ntotal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  for (const { offset, count } of idRuns)
    for (let at = offset; at < offset + count * 8; at += 8) {
      ids[position] = view.getBigInt64(at, true);
      view.setBigInt64(at, BigInt(position++), true);
    }
  return { bytes, ids };
}

function plain(source: Parameters<typeof readFaissLayout>[0], { idRuns }: FaissLayout): boolean {
  for (const { offset, count } of idRuns) {
    const bytes = source.read(offset, count * 8);
    const high = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) if (high.getUint32(i * 8 + 4, true) >= 0x200000) return false;
  }
  return true;
}
