/** The inverted lists of an IVF index in a FAISS file, and the quantizer of their codes. */
import { LARGEST_PRECOMPUTED, LIST } from "./faiss-memory.js";
import type { Noted } from "./faiss-noted.js";
import { productQuantizer, scalarQuantizer } from "./faiss-quantizers.js";
import { damaged, FaissFileError, type FaissReader, flag } from "./faiss-reader.js";

interface Codes {
  /** Bytes a vector is kept in. */
  readonly codeSize: number;
  /** Bytes of the table that FAISS computes of them. */
  readonly tables: number;
}

/** Reads the fields between the IVF header and the lists. */
export function listCodes(
  r: FaissReader,
  kind: "ivf-flat" | "ivf-pq" | "ivf-sq",
  dimension: number,
  nlist: number,
): Codes {
  if (kind === "ivf-flat") return { codeSize: dimension * 4, tables: 0 };
  if (kind === "ivf-sq") {
    const codeSize = scalarQuantizer(r, dimension);
    if (r.count() !== codeSize) throw damaged(r.where, "codes of lists and quantizer differ in size");
    flag(r, "whether residuals are encoded");
    return { codeSize, tables: 0 };
  }
  const residual = flag(r, "whether residuals are encoded");
  const said = r.count();
  const { codeSize, table } = productQuantizer(r, dimension);
  if (said !== codeSize) throw damaged(r.where, `codes of ${said} bytes and a quantizer of ${codeSize}`);
  const tables = nlist * table;
  return { codeSize, tables: residual && tables <= LARGEST_PRECOMPUTED ? tables : 0 };
}

/** @param plain whether codes are vectors as they are @returns number of vectors in all lists */
export function invertedLists(r: FaissReader, nlist: number, codeSize: number, noted: Noted, plain: boolean): number {
  const kind = r.fourcc();
  if (kind !== "ilar")
    throw new FaissFileError(
      `${r.where} keeps its inverted lists as \`${kind}\`; served are lists inside the file (\`ilar\`).`,
    );
  const lists = r.count();
  const code = r.count();
  if (lists !== nlist || code !== codeSize)
    throw damaged(r.where, `${lists} lists of ${code} bytes a vector where ${nlist} of ${codeSize} belong`);
  r.charge(nlist * LIST, "inverted lists");
  const sizes = listSizes(r, nlist);
  let stored = 0;
  // FAISS reads lists by number, whatever the order of their sizes.
  for (let list = 0; list < nlist; list++) {
    const count = sizes[list]!;
    if (count === 0) continue;
    if (plain) noted.vectorRuns.push({ offset: r.at(), count });
    r.skip(count * codeSize, "vectors of a list");
    noted.idRuns.push({ offset: r.at(), count, list });
    r.skip(count * 8, "ids of a list");
    stored += count;
  }
  return stored;
}

/** @returns the size of each list */
function listSizes(r: FaissReader, nlist: number): Float64Array {
  const form = r.fourcc();
  const length = r.count();
  if (form === "full" && length !== nlist) throw damaged(r.where, `${length} list sizes for ${nlist} lists`);
  if ((form !== "full" && form !== "sprs") || length > 2 * nlist)
    throw damaged(r.where, `list sizes begin with ${JSON.stringify(form)} and ${length}`);
  if (form === "sprs" && length % 2 !== 0) throw damaged(r.where, `${length} numbers are not pairs of list and size`);
  const words = r.view(length * 8);
  const word = (i: number) => Number(words.getBigUint64(i * 8, true));
  if (form === "full") return Float64Array.from({ length }, (_, i) => word(i));
  // Sparse: pairs of list and size; of two pairs of a list the last one counts.
  const sizes = new Float64Array(nlist);
  for (let i = 0; i < length; i += 2) {
    const list = word(i);
    if (list >= nlist) throw damaged(r.where, `a size for list ${list} of ${nlist}`);
    sizes[list] = word(i + 1);
  }
  return sizes;
}
