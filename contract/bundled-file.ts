/**
 * A file that `npm run bundle` made of several modules, because reading one is faster than reading hundreds; as long as dist/ is not newer.
 */
import { statSync } from "node:fs";

const urlOf = (path: string): URL => new URL(`../${path}`, import.meta.url);
const time = (path: string): number => statSync(urlOf(path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The projects that TypeScript builds one by one. */
const PROJECTS = [
  "triton-protos",
  "contract",
  "formats",
  "compiler",
  "runtime/base",
  "runtime/wire",
  "runtime/stores",
  "runtime/engine",
  "runtime/server",
  "runtime/etl",
  "runtime/client",
  "runtime/testing",
  "cli",
];

/** @returns undefined where there is none, or it is older than a project */
export function bundledFile(entry: string): URL | undefined {
  const made = time(`bundle/${entry}`);
  const isFresh = made > 0 && PROJECTS.every(project => time(`${project}/.tsbuildinfo`) <= made);
  return isFresh ? urlOf(`bundle/${entry}`) : undefined;
}
