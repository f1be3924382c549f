/**
 * The compiler's public face: compile a program, print what is wrong with it, write the repository.
 */

import { readFileSync } from "node:fs";
import { wantsColor } from "../contract/wants-color.js";
import { type Compiled, type CompileOptions, compile, type NotCompiled } from "./compile.js";
import type { Diagnostic } from "./diagnostics/diagnostic.js";
import { type PrintOptions, printDiagnostics as print } from "./diagnostics/print.js";
import { printDiagnosticsForGithub } from "./diagnostics/print-github.js";
import { printDiagnosticsJson } from "./diagnostics/print-json.js";

export { LoweringFault } from "../operators/shared/onnx/lowering.js";
export { rewrite } from "./1-rewrite/rewrite.js";
export { PASS_NAMES, type PassName } from "./4-plan/pass-names.js";
export { type BuildOptions, type Built, build, LAYOUTS, type Layout } from "./5-emit/build.js";
export type { Names } from "./5-emit/configs.js";
export { buildWorkflowModel } from "./5-emit/merlon/workflow-model.js";
export { loweringDiagnostics } from "./5-emit/onnx/lowering-diagnostics.js";
export { NotLoweredError } from "./5-emit/onnx/not-lowered.js";
export type { TritonOptions } from "./5-emit/onnx/triton-models.js";
export type { Diagnostic } from "./diagnostics/diagnostic.js";
export {
  drawPlan,
  EXPLAIN_FORMATS,
  type ExplainFormat,
  explain,
  explainCompiled,
  explainDiff,
  explainTriton,
} from "./explain/index.js";
export { mixedRows, type RowFault } from "./mixed-rows.js";
export { refreshEnvironment, type Typegen, typegen, writeEnvironment } from "./typegen/typegen.js";
export { type Compiled, type CompileOptions, compile, type NotCompiled };

/** Compiles a workflow for `merlon fit`. */
export const compileWorkflow = (file: string, options: CompileOptions = {}): Promise<Compiled | NotCompiled> =>
  compile(file, options);

/** Diagnostics as a terminal shows them. */
export const printDiagnostics = (diagnostics: readonly Diagnostic[], options: Partial<PrintOptions> = {}): string =>
  print(diagnostics, { read: readSafely, color: wantsColor(process.stdout), folder: process.cwd(), ...options });

/** The readers: a person, a program, or GitHub Actions. */
export const DIAGNOSTIC_FORMATS = ["pretty", "json", "github"] as const;
export type DiagnosticFormat = (typeof DIAGNOSTIC_FORMATS)[number];

/** Diagnostics in one of the forms; `github` and `pretty` have no text for none. */
export const formatDiagnostics = (
  diagnostics: readonly Diagnostic[],
  format: DiagnosticFormat,
  options: Partial<PrintOptions> = {},
): string => {
  const { read = readSafely, folder = process.cwd() } = options;
  if (format === "json") return printDiagnosticsJson(diagnostics, read);
  if (format === "github") return printDiagnosticsForGithub(diagnostics, read, folder);
  return printDiagnostics(diagnostics, options);
};

function readSafely(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
