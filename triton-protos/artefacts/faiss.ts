/**
 * FAISS index files without FAISS: file or bytes → header; bytes built with ids 0 … n−1 → the same index with ids of its own.
 */
import { type ByteSource, bytesSource, withFile } from "./byte-source.js";
import { type FaissHeader, readFaissLayout } from "./faiss-layout.js";
import { damaged } from "./faiss-reader.js";

export type { FaissHeader, FaissMetric } from "./faiss-layout.js";
export { FaissFileError } from "./faiss-reader.js";

/** @throws FaissFileError naming the file */
export const readFaissHeaderFile = (path: string): FaissHeader => withFile(path, source => header(source, path));

/** @param where file name, for messages @throws FaissFileError */
export const readFaissHeader = (bytes: Uint8Array, where = "the index"): FaissHeader =>
  header(bytesSource(bytes), where);

function header(source: ByteSource, where: string): FaissHeader {
  const layout = readFaissLayout(source, where);
  if (layout.end !== source.size) throw damaged(where, `${source.size - layout.end} bytes follow the index`);
  return layout.header;
}

/**
 * Rewrites the ids of an IVF index: vector i, which the index knows as i, becomes `ids[i]`.
 * @param bytes as FAISS wrote them after adding vectors in the order of `ids`
 * @returns a copy
 */
export function patchIvfIds(bytes: Uint8Array, ids: BigInt64Array): Uint8Array {
  const { header, idRuns } = readFaissLayout(bytesSource(bytes), "the index");
  if (header.kind !== "ivf-flat")
    throw new RangeError(
      `ids inside the lists belong to IVF indexes, this one is ${header.kind}: wrap it with \`wrapIdMap\`.`,
    );
  checkCount(header, ids);
  const patched = bytes.slice();
  const view = new DataView(patched.buffer);
  for (const { offset, count } of idRuns)
    for (let at = offset; at < offset + count * 8; at += 8) {
      const position = Number(view.getBigInt64(at, true));
      const id = ids[position];
      if (id === undefined)
        throw new RangeError(`the index already holds the id ${position}, beyond its ${ids.length} vectors.`);
      view.setBigInt64(at, id, true);
    }
  return patched;
}

/** Puts an id map around an index that knows vectors by position: what FAISS calls `IDMap`. */
export function wrapIdMap(bytes: Uint8Array, ids: BigInt64Array): Uint8Array {
  const inner = readFaissHeader(bytes);
  if (inner.ids === "stored") throw new RangeError(`the index (${inner.kind}) has ids of its own.`);
  checkCount(inner, ids);
  // The wrapper's header repeats the inner one behind its own four letters.
  const head = 37;
  const wrapped = new Uint8Array(head + bytes.length + 8 + ids.length * 8);
  wrapped.set(bytes.subarray(0, head));
  wrapped.set(new TextEncoder().encode("IxMp"));
  wrapped.set(bytes, head);
  const view = new DataView(wrapped.buffer);
  view.setBigUint64(head + bytes.length, BigInt(ids.length), true);
  ids.forEach((id, i) => {
    view.setBigInt64(head + bytes.length + 8 + i * 8, id, true);
  });
  return wrapped;
}

function checkCount(header: FaissHeader, ids: BigInt64Array): void {
  if (ids.length !== header.ntotal) throw new RangeError(`${ids.length} ids for an index of ${header.ntotal} vectors.`);
}
