/**
 * Place of a type error → the sentences of the operand's rule, which are its parameter's type, and the columns of the left side.
 */

import type { Types } from "../checker/checker.js";
import type * as ts from "../checker/syntax.js";
import { columnsOf, type Host, nameOf, operatorCall } from "./operator-call.js";

export interface OperandFault {
  readonly sentences: readonly string[];
  /** Names of the columns that are there; undefined where the checker does not know them. */
  readonly columns: readonly string[] | undefined;
}

/** @param start offset of the error in the rewritten file */
export function operandFault(host: Host, types: Types, file: ts.SourceFile, start: number): OperandFault | undefined {
  const found = operatorCall(host, file, start);
  const texts = found && types.parameterTexts(found.call, found.index);
  return texts && { sentences: texts.filter(t => t.includes(" ")), columns: columnsOf(types, found.left)?.map(nameOf) };
}
