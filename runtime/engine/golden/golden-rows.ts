/**
 * Golden rows: a few rows of the data a workflow was fitted on, and their results from `merlon transform`. They lie in the fitted folder,
 * and are run again where the workflow is used.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FILE_LIMITS, readRegularSync } from "../../../contract/files/read-regular.js";
import { invalid } from "../../base/errors.js";
import { type Cell, cellSchema } from "./cells.js";

export const GOLDEN_FILE = "golden.json";

const goldenSchema = z.object({
  format: z.literal("merlon/golden"),
  version: z.literal(1),
  rows: z.number().int().min(1),
  inputs: z.record(z.string(), z.array(cellSchema)),
  outputs: z.record(z.string(), z.array(cellSchema)),
});

export interface GoldenRows {
  readonly rows: number;
  readonly inputs: Readonly<Record<string, readonly Cell[]>>;
  readonly outputs: Readonly<Record<string, readonly Cell[]>>;
}

export const printGolden = ({ rows, inputs, outputs }: GoldenRows): string =>
  `${JSON.stringify({ format: "merlon/golden", version: 1, rows, inputs, outputs })}\n`;

/** Undefined where a folder has none (an older fit's, or `--golden-rows 0`). @throws RuntimeFault naming the file */
export function readGolden(folder: string): GoldenRows | undefined {
  const file = join(folder, GOLDEN_FILE);
  if (!existsSync(file)) return undefined;
  const text = readRegularSync(file, FILE_LIMITS.document).toString();
  try {
    return goldenSchema.parse(JSON.parse(text));
  } catch {
    throw invalid(`${file} does not hold golden rows. Run \`merlon fit\` again.`);
  }
}
