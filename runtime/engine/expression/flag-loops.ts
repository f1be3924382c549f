/** Loops over flags: JavaScript's logic, where a missing flag is `undefined`. */
import type { FunctionName } from "../../../contract/expression-functions.js";
import type { FlagVector } from "./vector-kinds.js";

type Flags = Uint8Array;

const LOGIC: Partial<Record<FunctionName, (a: Flags, b: Flags, out: Flags) => void>> = {
  and: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] === 1 ? b[i]! : a[i]!;
  },
  or: (a, b, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] === 1 ? 1 : b[i]!;
  },
  not: (a, _, out) => {
    for (let i = 0; i < out.length; i++) out[i] = a[i] === 1 ? 0 : 1;
  },
};

/** The call over flags alone; undefined where it has no loop. */
export function flagLoop(name: FunctionName): ((args: readonly FlagVector[], rows: number) => FlagVector) | undefined {
  const loop = LOGIC[name];
  return (
    loop &&
    (([a, b], rows) => {
      const values = new Uint8Array(rows);
      loop(a!.values, (b ?? a)!.values, values);
      return { type: "flag", values };
    })
  );
}
