/** An output is neither a file that is read, nor a place where the next run would read it as input. */
import { statSync } from "node:fs";
import { resolve, sep } from "node:path";
import { invalid } from "../base/errors.js";

/**
 * @param files that are read
 * @param inputs the paths, folders and globs that named them
 * @throws RuntimeFault naming the file, folder or glob
 */
export function refuseOverwrite(files: readonly string[], inputs: readonly string[], out: string): void {
  const target = resolve(out);
  const read = files.find(file => resolve(file) === target || resolve(file).startsWith(target + sep));
  if (read !== undefined) throw invalid(`\`${read}\` is read and \`${out}\` would replace it. Give another \`--out\`.`);
  const around = inputs.find(input => names(input, target));
  if (around !== undefined)
    throw invalid(
      `\`${out}\` is inside the input \`${around}\`, so that the next run would read it as input. Give another \`--out\`.`,
    );
}

function names(input: string, target: string): boolean {
  if (statSync(input, { throwIfNoEntry: false })?.isDirectory()) return target.startsWith(resolve(input) + sep);
  if (!/[*?[]/.test(input) || input.includes("://")) return false;
  const pattern = resolve(input)
    .replaceAll(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll(/\*\*\/?|\*|\?/g, part => (part.startsWith("**") ? ".*" : part === "*" ? "[^/]*" : "[^/]"))
    .replaceAll("[!", "[^");
  try {
    // A folder below a glob of files has the files of `out`.
    return new RegExp(`^${pattern}(/|$)`).test(target) || new RegExp(`^${pattern}$`).test(`${target}/part-0.parquet`);
  } catch {
    return false;
  }
}
