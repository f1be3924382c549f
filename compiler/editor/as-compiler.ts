/**
 * An editor's TypeScript, seen as the copy of it that the compiler is written against: the same interfaces, declared twice.
 */
import type { ts as compiler } from "ts-morph";
import type ts from "typescript";

export const asCompiler = (
  host: typeof ts,
  checker: ts.TypeChecker,
  file: ts.SourceFile,
): [typeof compiler, compiler.TypeChecker, compiler.SourceFile] => [
  host as unknown as typeof compiler,
  checker as unknown as compiler.TypeChecker,
  file as unknown as compiler.SourceFile,
];
