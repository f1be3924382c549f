/**
 * A file that `npm run bundle` made of several modules, because reading one is faster than reading hundreds; as long as dist/ is not newer.
 */
import { statSync } from "node:fs";

const urlOf = (path: string): URL => new URL(`../${path}`, import.meta.url);
const time = (path: string): number => statSync(urlOf(path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** @param parts the project's parts that are in it @returns undefined where there is none, or it is older than one of them */
export function bundledFile(
  entry: string,
  parts: readonly ("triton-protos" | "compiler" | "runtime" | "cli")[],
): URL | undefined {
  const made = time(`bundle/${entry}`);
  const isFresh = made > 0 && parts.every(part => time(`${part}/.tsbuildinfo`) <= made);
  return isFresh ? urlOf(`bundle/${entry}`) : undefined;
}
