/** Why a program can't be built for a stock Triton → what is said of it at the author's operators. */
import { readFileSync } from "node:fs";
import type { Compiled } from "../../compile.js";
import { type Diagnostic, diagnosticAt, locate } from "../../diagnostics/diagnostic.js";
import * as messages from "../../diagnostics/messages.js";
import type { NotLoweredError } from "./not-lowered.js";

export const loweringDiagnostics = ({ siteOf }: Compiled, { faults }: NotLoweredError): Diagnostic[] =>
  locate(
    faults.map(({ step, reason, way }) => diagnosticAt(siteOf(step), messages.tritonNotLowered({ reason, way }))),
    file => readFileSync(file, "utf8"),
  );
