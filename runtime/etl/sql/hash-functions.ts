/**
 * Registers the functions that `hashOf` calls on a connection. The kernel's own hash is a function of each dtype over text. For a column
 * that Parquet stores as a dictionary it runs once per distinct value. For other numbers pandas' integer mix is a set of macros, which are
 * native.
 */
import type { DuckDBConnection } from "@duckdb/node-api";
import { hashValues } from "../../../operators/shared/kernel/pandas-hash.js";
import { DATATYPES } from "../../../triton-protos/datatype.js";
import { registerColumnFunction } from "../column-function.js";

export async function registerHashFunctions(connection: DuckDBConnection): Promise<void> {
  for (const { name, duckdb } of DATATYPES)
    if (duckdb !== null)
      registerColumnFunction(connection, {
        name: `merlon_hash_${name}`,
        inputs: [name],
        output: "uint64",
        run: ([col]) => ({ values: new BigUint64Array(hashValues(col!).buffer) }),
      });
  const first = multiply("xor(x, x >> 30)", 0xbf58476d1ce4e5b9n);
  const second = multiply("xor(x, x >> 27)", 0x94d049bb133111ebn);
  const macros = [first, second, "xor(x, x >> 31)"].map((sql, i) => `CREATE MACRO merlon_mix_${i + 1}(x) AS ${sql}`);
  await connection.run(macros.join("; "));
}

/** The product modulo 2^64, in halves of 32 bits: SQL has no multiplication that wraps round, and 128 bits are slow. */
function multiply(x: string, by: bigint): string {
  const [low, high] = [by & 0xffffffffn, by >> 32n];
  const mask = "4294967295::UBIGINT";
  const [a, b] = [`((${x}) & ${mask})`, `((${x}) >> 32)`];
  const first = `(${a} * ${low}::UBIGINT)`;
  const middle = `((((${b} * ${low}::UBIGINT) & ${mask}) + ((${a} * ${high}::UBIGINT) & ${mask}) + (${first} >> 32)) & ${mask})`;
  return `(${middle} * 4294967296::UBIGINT + (${first} & ${mask}))`;
}
