/**
 * `manifest.json` of a fitted workflow: the SHA-256 of every file and of every step's state as the fit wrote them, so that an artefact that was
 * edited or damaged since is named.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { expandFused } from "../expand-fused.js";
import { type Plan, PlanError } from "../plan.js";

export const MANIFEST_FILE = "manifest.json";

const manifestSchema = z.object({
  format: z.literal("merlon/manifest"),
  version: z.literal(1),
  files: z.record(z.string(), z.string()),
  states: z.record(z.string(), z.string()),
});

/** Subfolders that hold what steps open. */
const FOLDERS = ["categories", "tables"];
/** Beside them; people may leave it out of a copy. */
const GOLDEN = "golden.json";

export function printManifest(folder: string, plan: Plan): string {
  const inFolders = FOLDERS.filter(name => existsSync(join(folder, name))).flatMap(name =>
    readdirSync(join(folder, name)).map(file => `${name}/${file}`),
  );
  const files = [...inFolders, ...(existsSync(join(folder, GOLDEN)) ? [GOLDEN] : [])].sort();
  const manifest: z.infer<typeof manifestSchema> = {
    format: "merlon/manifest",
    version: 1,
    files: Object.fromEntries(files.map(file => [file, sumOf(readFileSync(join(folder, file)))])),
    states: statesOf(plan),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/**
 * Compares a fitted folder with its manifest. A folder without one (an older fit's) passes, and so do files and steps that a part of a
 * workflow leaves out.
 * @throws PlanError naming the artefact, its checksum, and the one that the fit wrote
 */
export function checkManifest(folder: string, plan: Plan): void {
  const path = join(folder, MANIFEST_FILE);
  if (!existsSync(path)) return;
  let manifest: z.infer<typeof manifestSchema>;
  try {
    manifest = manifestSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    throw new PlanError(`${path} is not a manifest of a fitted workflow. ${AGAIN}`);
  }
  for (const [file, wanted] of Object.entries(manifest.files)) {
    const at = join(folder, file);
    if (existsSync(at)) compare(`${at}`, sumOf(readFileSync(at)), wanted);
  }
  for (const [step, sum] of Object.entries(statesOf(plan))) {
    const wanted = manifest.states[step];
    if (wanted !== undefined) compare(`${join(folder, "workflow.json")}: the state of step \`${step}\``, sum, wanted);
  }
}

const AGAIN = "Run `merlon fit` again, or bring back the file that it wrote.";

function compare(what: string, found: string, wanted: string): void {
  if (found !== wanted)
    throw new PlanError(
      `${what} has the checksum ${short(found)}, but \`merlon fit\` wrote ${short(wanted)}: it was edited or damaged since. ${AGAIN}`,
    );
}

const statesOf = (plan: Plan): Record<string, string> =>
  Object.fromEntries(
    expandFused(plan).steps.flatMap(({ id, state }) =>
      state === undefined ? [] : [[id, sumOf(Buffer.from(sorted(state)))]],
    ),
  );

/** JSON with the keys of objects in order. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  );

const sumOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const short = (sum: string): string => sum.slice(0, "sha256:".length + 12);
