/**
 * Candidates, and lists of ids per user → the candidates that are in none of their own user's deny lists and Bloom filters. If there are
 * allow lists, they are also in one of these. Order and duplicates stay. Linear in both.
 */
import { comparedAs } from "../../contract/comparable-ids.js";
import { isInBloom, readBloom } from "../../formats/hashes/bloom.js";
import { castValues } from "../../runtime/base/columns/cast.js";
import { int32s } from "../../runtime/base/columns/short-arrays.js";
import { type Column, childRows, gather, type Rows } from "../../runtime/base/columns/table.js";
import { invalid } from "../../runtime/base/errors.js";
import type { Kernel } from "../../runtime/engine/schedule/kernel.js";
import { type IdHashes, idHashes } from "../shared/kernel/id-hashes.js";
import { type IdSet, idSet } from "../shared/kernel/id-set.js";

export const filterCandidates: Kernel<"filterCandidates"> = {
  prepare: step => {
    const name = step.inputs.input[0].name;
    const namesOf = (port: "filterOut" | "allow" | "seen") => (step.inputs[port] ?? []).map(ref => ref.name);
    const [deny, allow, seen] = [namesOf("filterOut"), namesOf("allow"), namesOf("seen")];
    return {
      run: inputs => {
        const candidates = inputs.input[0];
        if (!candidates.rows.parent)
          throw invalid(`column \`${name}\` holds no candidates: its rows belong to no user.`);
        const lists = (port: "filterOut" | "allow", names: readonly string[]) =>
          (inputs[port] ?? []).map((list, i) => listOf(candidates, list, name, names[i]!));
        const filters = (inputs.seen ?? []).map((filters, i) => {
          needRows(candidates, filters, name, seen[i]!);
          const { fill, has } = seenFilter(filters, candidates, seen[i]!);
          return { fill, has };
        });
        return [filter(candidates, [...lists("filterOut", deny), ...filters], lists("allow", allow))];
      },
    };
  },
};

/** The ids of each user, and whether candidate i is among those of the current user. */
interface List {
  fill(row: number): void;
  has(i: number): boolean;
}

function needRows(candidates: Column, column: Column, name: string, listName: string): void {
  if (column.rows !== candidates.rows.parent)
    throw invalid(
      `column \`${listName}\` has ${column.rows.count} rows, and \`${name}\` was made for ${candidates.rows.parent!.count}.`,
    );
}

function listOf(candidates: Column, column: Column, name: string, listName: string): List {
  needRows(candidates, column, name, listName);
  const dtype = comparedAs(column.dtype, candidates.dtype);
  if (!dtype)
    throw invalid(
      `column \`${listName}\` holds ${column.dtype} and \`${name}\` ${candidates.dtype}, which are not comparable.`,
    );
  const { offsets, width = 1 } = column;
  const as = (of: Column, what: string) => castValues(of.values, of.dtype, dtype, `column \`${what}\``);
  const set = idSet(as(column, listName), column.validity, as(candidates, name));
  return {
    fill: row => set.fill(offsets ? offsets[row]! : row * width, offsets ? offsets[row + 1]! : (row + 1) * width),
    has: set.has,
  };
}

/** A loop, since `some` would take a new function for each candidate. */
function isInAny(lists: readonly List[], i: number): boolean {
  for (const list of lists) if (list.has(i)) return true;
  return false;
}

function filter(candidates: Column, deny: readonly List[], allow: readonly List[]): Column {
  const { parent, offsets } = candidates.rows as Required<Rows>;
  const kept = int32s(candidates.rows.count);
  const runs = int32s(parent.count + 1);
  let n = 0;
  for (let row = 0; row < parent.count; row++) {
    for (const list of deny) list.fill(row);
    for (const list of allow) list.fill(row);
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      // A null is in no list.
      const isNull = candidates.validity?.[i] === 0;
      if (!isNull && isInAny(deny, i)) continue;
      if (allow.length > 0 && (isNull || !isInAny(allow, i))) continue;
      kept[n++] = i;
    }
    runs[row + 1] = n;
  }
  return gather(candidates, kept.subarray(0, n), childRows(parent, runs));
}

/**
 * Bloom filters, one per user, and candidates → whether a candidate is, most likely, in its user's filter; one that is in it always is.
 * @param filters base64 texts, or lists of int64; an empty or null one holds nothing
 * @param name of their column, for messages
 * @returns `fill` takes a user's row @throws RuntimeFault naming the row whose bytes are no filter
 */
function seenFilter(
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
        throw invalid(
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
