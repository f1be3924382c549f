/** TypeScript's native compilers, whose packages have no API of TypeScript 6: `npm test` installs them in `.cache/typescripts`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../run/graph.mjs";

const FOLDER = process.env.MERLON_TEST_TYPESCRIPTS ?? join(ROOT, ".cache", "typescripts");

/** @returns the package's folder @throws Error where it is not installed */
export function nativeTypeScript(name: "typescript-7.0" | "typescript-7.1"): string {
  const path = join(FOLDER, "node_modules", name);
  if (existsSync(path)) return path;
  throw new Error(
    `${path} is not there. \`npm test\` installs it; or name a folder with it in MERLON_TEST_TYPESCRIPTS.`,
  );
}
