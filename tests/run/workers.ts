/**
 * The number of workers of the servers under test: 1, or that of `npm run test:reliability -- --workers N`. Tests whose outcome differs then are in
 * `known-with-workers.json`, by their reason.
 */
import { readFileSync } from "node:fs";

export const WORKERS = Number(process.env.MERLON_TEST_WORKERS ?? 1);

/** The process and all that it started. */
export function familyOf(pid: number): readonly number[] {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
  } catch {
    return [];
  }
  return [pid, ...children.split(" ").filter(Boolean).map(Number).flatMap(familyOf)];
}
