/**
 * The check of a model's files against its manifest, loaded with the first model that has one. It imports the schemas of plans, which a
 * server of other models does not need.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MANIFEST_FILE, MANIFEST_PARAMETER } from "../../../formats/folders/manifest-names.js";
import type { verifyFiles as verify } from "./verify-files.js";

export type { VerifiedFiles } from "./verify-files.js";

let check: typeof import("./verify-files.js") | undefined;

/** `verifyFiles`, at once undefined while no model has had a manifest. */
export const verifyFiles: typeof verify = async (polled, ...rest) => {
  const isListed = MANIFEST_PARAMETER in polled.config.parameters || existsSync(join(polled.folder, MANIFEST_FILE));
  if (!check && !isListed) return undefined;
  check ??= await import("./verify-files.js");
  return check.verifyFiles(polled, ...rest);
};

/** Whether `merlon build` wrote a file of a model that is loaded. */
export const isCovered = (file: string): boolean => check?.isCovered(file) ?? false;
