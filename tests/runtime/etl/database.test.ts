/** DuckDB's settings for a machine. */
import { expect, test } from "vitest";
import { openDatabase } from "#runtime/etl/database.js";

const BITS = "SELECT current_setting('perfect_ht_threshold')::INTEGER";

test.each([
  // A sixteenth of a thread's memory holds this many groups of 256 bytes.
  ["64GB", 2, 20],
  ["8GB", 2, 19],
  ["256MB", 2, 14],
  ["100MB", 4, 12],
  ["2GB", 64, 12],
] as const)("within %s, %i threads group integers by place up to %i bits", async (memoryLimit, threads, bits) => {
  const database = await openDatabase({ memoryLimit, threads });
  try {
    expect(await database.rows(BITS, "reading a setting")).toEqual([[bits]]);
    // Connections have settings of their own.
    expect(await (await database.connect()).rows(BITS, "reading a setting")).toEqual([[bits]]);
  } finally {
    await database.close();
  }
});
