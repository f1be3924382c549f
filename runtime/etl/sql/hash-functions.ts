/**
 * Registers on a connection what `hashOf` calls: pandas' integer mix as macros, and its string hash as a function that runs the
 * kernel's own code on each chunk.
 */
import { type DuckDBConnection, DuckDBScalarFunction, UBIGINT, VARCHAR } from "@duckdb/node-api";
import { hashValues } from "../../kernels/pandas-hash.js";
import { rootRows } from "../../plan/table.js";

export async function registerHashFunctions(connection: DuckDBConnection): Promise<void> {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: "merlon_hash_string",
      parameterTypes: [VARCHAR],
      returnType: UBIGINT,
      // DuckDB would answer NULL for NULL by itself; pandas has a hash for it.
      specialHandling: true,
      mainFunction(_info, input, output) {
        const texts = input.getColumnVector(0);
        const values = new Array<string>(input.rowCount);
        const validity = new Uint8Array(input.rowCount);
        for (let i = 0; i < values.length; i++) {
          const value = texts.getItem(i);
          values[i] = typeof value === "string" ? value : "";
          validity[i] = value === null ? 0 : 1;
        }
        const hashes = hashValues({ dtype: "string", rows: rootRows(values.length), values, validity });
        const wide = new BigUint64Array(hashes.buffer);
        for (let i = 0; i < wide.length; i++) output.setItem(i, wide[i]!);
        output.flush();
      },
    }),
  );
  const multiply = (a: string, b: string) =>
    `CAST((CAST(${a} AS UHUGEINT) * ${b}::UHUGEINT) & 18446744073709551615::UHUGEINT AS UBIGINT)`;
  await connection.run(`CREATE TEMP MACRO merlon_mix_1(x) AS ${multiply("xor(x, x >> 30)", "13787848793156543929")}`);
  await connection.run(`CREATE TEMP MACRO merlon_mix_2(x) AS ${multiply("xor(x, x >> 27)", "10723151780598845931")}`);
  await connection.run("CREATE TEMP MACRO merlon_mix_3(x) AS xor(x, x >> 31)");
}
