/** Bloom filters, one per user, and candidates → whether a candidate is, most likely, in its user's filter; one that is in it always is. */
import { isInBloom, readBloom } from "../../formats/hashes/bloom.js";
import type { Column } from "../../runtime/base/columns/table.js";
import { RuntimeFault } from "../../runtime/base/errors.js";
import { type IdHashes, idHashes } from "../shared/kernel/id-hashes.js";
import type { IdSet } from "../shared/kernel/id-set.js";

/**
 * @param filters base64 texts, or lists of int64; an empty or null one holds nothing
 * @param name of their column, for messages
 * @returns `fill` takes a user's row @throws RuntimeFault naming the row whose bytes are no filter
 */
export function seenFilter(
  filters: Column,
  candidates: Column,
  name: string,
): Pick<IdSet, "has"> & { fill(row: number): void } {
  let hashes: IdHashes | undefined;
  let current: ReturnType<typeof readBloom> | undefined;
  return {
    fill: row => {
      const bytes = filterBytes(filters, row);
      current = bytes.length === 0 ? undefined : readBloom(bytes);
      if (typeof current === "string")
        throw new RuntimeFault(
          "INVALID_ARGUMENT",
          `column \`${name}\` holds ${current} at row ${row}. Make it with \`merlon bloom build\`, or as docs/reference/bloom-filters.md says.`,
        );
    },
    has: i => {
      if (current === undefined || typeof current === "string") return false;
      hashes ??= idHashes(candidates.values);
      return isInBloom(current, hashes.a[i]!, hashes.b[i]!);
    },
  };
}

function filterBytes({ values, offsets, width = 1, validity, dtype }: Column, row: number): Uint8Array {
  if (dtype === "string")
    return validity?.[row] === 0 ? new Uint8Array(0) : Buffer.from(values[row] as string, "base64");
  const [start, end] = offsets ? [offsets[row]!, offsets[row + 1]!] : [row * width, (row + 1) * width];
  const { buffer, byteOffset } = values as BigInt64Array;
  return new Uint8Array(buffer, byteOffset + start * 8, (end - start) * 8);
}
