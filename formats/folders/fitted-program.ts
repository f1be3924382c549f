/**
 * The program of a fitted workflow, as the manifest of its folder records it: path and checksums, so that a later edit is detected.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { z } from "zod";
import { type Plan, printPlan } from "../../contract/plan.js";

const sum = z.string().regex(/^[0-9a-f]{64}$/);
export const fittedProgramSchema = z.object({
  /** From the fitted folder, with `/`. */
  file: z.string().min(1),
  /** SHA-256 of the plan before the fit, hexadecimal. */
  plan: sum,
  /** The checksum of each text of the program, its own and those that it imports, by path from the program's folder. */
  texts: z.record(z.string(), sum),
});
export type FittedProgram = Readonly<z.output<typeof fittedProgramSchema>>;

export interface ProgramFiles {
  readonly file: string;
  /** Its own text, and those that it imports. */
  readonly texts: readonly string[];
  /** Before the fit. */
  readonly plan: Plan;
}

/** @param out the fitted folder @param program absolute paths */
export const fittedProgram = (out: string, { file, texts, plan }: ProgramFiles): FittedProgram => ({
  file: slashes(relative(out, file)),
  plan: sumOfPlan(plan),
  texts: Object.fromEntries(
    [...texts].sort().map(text => [slashes(relative(dirname(file), text)), sumOf(readFileSync(text))]),
  ),
});

export const sumOfPlan = (plan: Plan): string => sumOf(printPlan(plan));

/**
 * @returns the program's file, if it still exists and one of its texts has changed since the fit. The plan may still be the same, as after
 * an edited comment
 */
export function editedProgram(folder: string, { file, texts }: FittedProgram): string | undefined {
  const program = join(folder, file);
  if (!existsSync(program)) return undefined;
  const isEdited = ([path, wanted]: [string, string]): boolean => {
    try {
      return sumOf(readFileSync(join(dirname(program), path))) !== wanted;
    } catch {
      return true;
    }
  };
  return Object.entries(texts).some(isEdited) ? program : undefined;
}

const sumOf = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const slashes = (path: string): string => path.split(sep).join("/");
