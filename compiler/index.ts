/**
 * The compiler's public face: compile a program, print what is wrong with it, write the repository.
 */
import { readFileSync } from "node:fs";
import { type Compiled, type CompileOptions, compile, type NotCompiled } from "./compile.js";
import type { Diagnostic } from "./diagnostics/diagnostic.js";
import { type PrintOptions, printDiagnostics as print } from "./diagnostics/print.js";

export { rewrite } from "./1-rewrite/rewrite.js";
export { type Built, build } from "./5-emit/build.js";
export type { Diagnostic } from "./diagnostics/diagnostic.js";
export { type Compiled, type CompileOptions, compile, type NotCompiled };

/** Compiles a `*.workflow.ts` for `merlon fit`. */
export const compileWorkflow = (file: string, options: CompileOptions = {}): Promise<Compiled | NotCompiled> =>
  compile(file, options);

/** Diagnostics as a terminal shows them. */
export const printDiagnostics = (diagnostics: readonly Diagnostic[], options: Partial<PrintOptions> = {}): string =>
  print(diagnostics, { read: readSafely, color: process.stdout.isTTY === true, folder: process.cwd(), ...options });

function readSafely(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
