/** Folds as a function of a connection: the number of a row → its fold, as the kernel deals them. */
import { foldDealer } from "../../operators/shared/kernel/mersenne-twister.js";
import { registerColumnFunction } from "./column-function.js";
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
  registerColumnFunction(connection, {
    name,
    inputs: ["int64"],
    output: "int64",
    run: ([rows]) => ({
      values: BigInt64Array.from(rows!.values as BigInt64Array, row => BigInt(dealer(Number(row)))),
    }),
  });
  return name;
}
