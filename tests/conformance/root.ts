/** The checkout, from its sources and from their compiled form in `dist/`. */
import { existsSync } from "node:fs";

function find(folder: URL): URL {
  return existsSync(new URL("package-lock.json", folder)) ? folder : find(new URL("../", folder));
}

export const ROOT = find(new URL("./", import.meta.url));
