/**
 * An editor's TypeScript, seen as the copy of it that the compiler is written against: the same interfaces, declared twice.
 */
import type ts from "typescript";
import type { Host } from "../2-check/operator-call.js";
import type { Types } from "../checker/checker.js";
import type { SourceFile } from "../checker/syntax.js";
import { type TypeChecker, typesOf } from "../checker/types-of.js";

export const asCompiler = (
  host: typeof ts,
  checker: ts.TypeChecker,
  file: ts.SourceFile,
): [Host, Types, SourceFile] => [
  host as unknown as Host,
  typesOf(checker as unknown as TypeChecker),
  file as unknown as SourceFile,
];
