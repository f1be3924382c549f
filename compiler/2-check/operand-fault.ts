/**
 * Place of a type error → the sentences of the operand's rule, which are its parameter's type, and the columns of the left side.
 */
import type { ts } from "ts-morph";
import { columnsOf, type Host, nameOf, operatorCall, textsOf } from "./operator-call.js";

export interface OperandFault {
  readonly sentences: readonly string[];
  /** Names of the columns that are there; undefined where the checker does not know them. */
  readonly columns: readonly string[] | undefined;
}

/** @param start offset of the error in the rewritten file */
export function operandFault(
  host: Host,
  checker: ts.TypeChecker,
  file: ts.SourceFile,
  start: number,
): OperandFault | undefined {
  const found = operatorCall(host, file, start);
  const parameter = found && checker.getResolvedSignature(found.call)?.parameters[found.index];
  if (!parameter) return undefined;
  const sentences = textsOf(checker.getTypeOfSymbolAtLocation(parameter, found.call)).filter(t => t.includes(" "));
  return { sentences, columns: columnsOf(checker, found.left)?.map(nameOf) };
}
