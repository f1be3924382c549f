/** Models whose outputs for a row depend on the other rows of a batch, as diagnostics at their operators. */
import { readFileSync } from "node:fs";
import type { Compiled } from "./compile.js";
import { type Diagnostic, diagnosticAt, locate } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";

export interface RowFault {
  readonly step: string;
  readonly path: string;
  readonly output: string;
  /** How many rows ran together, and which of them differs, from 0. */
  readonly rows: number;
  readonly row: number;
  readonly how: "together" | "in another order";
  readonly alone: string;
  readonly other: string;
  /** Relative. */
  readonly difference: number;
}

export const mixedRows = ({ siteOf }: Compiled, faults: readonly RowFault[]): Diagnostic[] =>
  locate(
    faults.map(({ step, row, rows, difference, ...fault }) =>
      diagnosticAt(
        siteOf(step),
        messages.onnxMixesRows({ ...fault, row: row + 1, rows, difference: difference.toPrecision(2) }),
      ),
    ),
    file => readFileSync(file, "utf8"),
  );
