/** Folds as a function of a connection: the number of a row -> its fold, as the kernel deals them. */
import { BIGINT, DuckDBScalarFunction } from "@duckdb/node-api";
import { foldDealer } from "../kernels/mersenne-twister.js";
import type { Database } from "./database.js";

const registered = new WeakMap<object, Set<string>>();

/** @returns the function's name */
export function registerFolds({ connection }: Database, kfold: number, seed: number | null): string {
  const name = `merlon_fold_${kfold}_${seed ?? "turn"}`;
  const known = registered.get(connection) ?? new Set();
  registered.set(connection, known);
  if (known.has(name)) return name;
  known.add(name);
  const dealer = foldDealer(kfold, seed);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [BIGINT],
      returnType: BIGINT,
      mainFunction(_info, input, output) {
        const rows = input.getColumnVector(0);
        for (let i = 0; i < input.rowCount; i++) output.setItem(i, BigInt(dealer(Number(rows.getItem(i)))));
        output.flush();
      },
    }),
  );
  return name;
}
