/**
 * Texts that an index answers with: an Arrow file beside the FAISS file, whose column `id` has the text of each position. The schema's metadata has
 * the checksum of the FAISS file, so that a map is not read with an index that was built anew.
 */
import { isUtf8 } from "node:buffer";
import { existsSync } from "node:fs";
import { readRegularSync, requireRegular } from "../../contract/files/read-regular.js";
import { readArrowFile, readArrowMetadata } from "../arrow/arrow-file.js";
import { bytesSource, withFile } from "../bytes/byte-source.js";
import { sumOfFile } from "../folders/manifest.js";

/** The id map of an index file. */
export const textIdsFile = (index: string): string => `${index}.ids.arrow`;

/** The column of the file, and the key of its metadata: SHA-256 of the index in hexadecimal. */
export const TEXT_IDS_COLUMN = "id";
export const INDEX_SUM = "merlon:index-sha256";

/** Bytes that all texts of a map may have. */
export const MOST_TEXT_BYTES = 2 ** 30;
/** The size of a file beside texts and their offsets. */
const AROUND = 64 * 2 ** 10;

export interface TextIds {
  readonly count: number;
  /** @param position 0 … count - 1 */
  at(position: number): string;
  /** UTF-8: text i is `bytes[start(i)] … bytes[start(i + 1) - 1]`. */
  readonly bytes: Uint8Array;
  /** @param position 0 … count */
  start(position: number): number;
}

export interface MappedIndex {
  /** The FAISS file, and how many vectors it holds. */
  readonly index: string;
  readonly ntotal: number;
  /** Both files are known to be as they were built: the index is not read again for its checksum. @default false */
  readonly isKnown?: boolean;
}

/** @throws Error for a file at the place of a map that is none of Merlon's: it would be overwritten, or read with the index */
export function requireOwnMap(file: string): void {
  if (!existsSync(file)) return;
  let isOwn = false;
  try {
    requireRegular(file);
    isOwn = withFile(file, readArrowMetadata).has(INDEX_SUM);
  } catch {
    // Not an Arrow file.
  }
  if (!isOwn)
    throw new Error(
      `${file} is not the id map of this index, and its id map would replace it: move the file, or choose another --out`,
    );
}

/**
 * Opens a map. Texts stay packed, outside the heap, and are decoded one by one.
 * @throws Error naming the file, for one that is damaged, too large or of another index
 */
export function readTextIds(file: string, { index, ntotal, isKnown = false }: MappedIndex): TextIds {
  try {
    const bytes = readRegularSync(file, MOST_TEXT_BYTES + 4 * ntotal + AROUND);
    const texts = packedTexts(bytes, ntotal);
    const wanted = readArrowMetadata(bytesSource(bytes)).get(INDEX_SUM);
    if (wanted === undefined) throw new Error("it does not say which index it belongs to");
    if (!isKnown && sumOfFile(index).sha256 !== wanted) throw new Error("it was built for other bytes of the index");
    return texts;
  } catch (error) {
    throw new Error(
      `${file} is not the id map of ${index}, because ${(error as Error).message}. Build both again: \`merlon index build --text-id …\`.`,
      { cause: error },
    );
  }
}

function packedTexts(file: Uint8Array, ntotal: number): TextIds {
  const { fields, columns } = readArrowFile(file);
  const at = fields.findIndex(({ name, type }) => name === TEXT_IDS_COLUMN && type === "string");
  if (at < 0) throw new Error(`it has no column \`${TEXT_IDS_COLUMN}\` of texts`);
  const pieces = columns[at]!;
  const count = pieces.reduce((sum, { rows }) => sum + rows, 0);
  if (count !== ntotal) throw new Error(`it has ${count} texts, and the index ${ntotal} vectors`);
  if (pieces.some(({ nulls }) => nulls > 0)) throw new Error("a text is null");
  if (pieces.length > 1) throw new Error(`its texts are in ${pieces.length} batches; expected one`);
  if (count === 0) return { count, at: () => "", bytes: new Uint8Array(0), start: () => 0 };
  const { values, texts } = pieces[0]!;
  const offsets = new DataView(values.buffer, values.byteOffset, values.byteLength);
  const bytes = Buffer.from(texts.buffer, texts.byteOffset, texts.byteLength);
  checkTexts(offsets, bytes, count);
  const start = (position: number): number => offsets.getInt32(4 * position, true);
  return { count, at: position => bytes.toString("utf8", start(position), start(position + 1)), bytes, start };
}

/** Texts of other bytes would be decoded to replacement characters, and several to the same. */
function checkTexts(offsets: DataView, bytes: Uint8Array, count: number): void {
  const [first, last] = [offsets.getInt32(0, true), offsets.getInt32(4 * count, true)];
  if (first < 0 || !isUtf8(bytes.subarray(first, last))) throw new Error("its texts are not UTF-8");
  for (let i = 1; i < count; i++) {
    const start = offsets.getInt32(4 * i, true);
    if (start < last && (bytes[start]! & 0xc0) === 0x80)
      throw new Error(`text ${i} begins inside a character: its texts are not UTF-8`);
  }
}
