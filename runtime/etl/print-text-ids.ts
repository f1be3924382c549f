/** Text ids, by position → the id map of an index. */
import { INDEX_SUM, MOST_TEXT_BYTES, TEXT_IDS_COLUMN } from "../../formats/faiss/text-ids.js";
import { sumOfFile } from "../../formats/folders/manifest.js";
import { type PackedTexts, printFittedTable } from "../../operators/shared/kernel/fitted-table.js";
import { invalid } from "../base/errors.js";

/**
 * The bytes of the map: equal for equal texts and indexes.
 * @param index the finished FAISS file
 * @throws RuntimeFault where the texts are too long together
 */
export function printTextIds(texts: readonly string[], index: string): Uint8Array {
  const table = { [TEXT_IDS_COLUMN]: { dtype: "string", values: packed(texts) } } as const;
  return printFittedTable(table, false, new Map([[INDEX_SUM, sumOfFile(index).sha256]]));
}

function packed(texts: readonly string[]): PackedTexts {
  const total = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (total > MOST_TEXT_BYTES)
    throw invalid(
      `the text ids take ${total} bytes; an index has at most ${MOST_TEXT_BYTES}. Use shorter ids, or integers.`,
    );
  const bytes = Buffer.alloc(total);
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + bytes.write(text, offsets[i]!);
  });
  return { offsets, bytes };
}
