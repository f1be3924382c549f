/** Files that this process has open, on Linux. */
import { readdirSync, readlinkSync, realpathSync } from "node:fs";

const HANDLES = "/proc/self/fd";

/** @param under a file or a folder that exists @returns paths of the open files that are it or in it */
export function openFiles(under: string): string[] {
  const path = realpathSync(under);
  return readdirSync(HANDLES).flatMap(handle => {
    try {
      return [readlinkSync(`${HANDLES}/${handle}`)].filter(file => file === path || file.startsWith(`${path}/`));
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}
