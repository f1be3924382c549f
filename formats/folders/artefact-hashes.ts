/** A plan and the manifest of its model → hashes of the files that the plan opens. */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { artefactsOf } from "../../contract/any-step.js";
import type { Plan } from "../../contract/plan.js";
import { readManifest } from "./manifest.js";

/**
 * Files and folders that the plan opens → first 16 digits of their hash, as far as the build's manifest has it.
 * @param folder of the model's version
 */
export function artefactHashes(plan: Plan, folder: string): Readonly<Record<string, string>> {
  const manifest = readManifest(dirname(folder));
  if (!manifest) return {};
  const version = folder.slice(dirname(folder).length + 1);
  const paths = new Set(
    plan.steps.flatMap(step => [step, ...(step.parts ?? [])].flatMap(one => Object.values(artefactsOf(one)))),
  );
  const hashes: Record<string, string> = {};
  for (const path of paths) {
    const inside = `${version}/${path}`;
    const files = [...manifest.files].filter(([file]) => file === inside || file.startsWith(`${inside}/`));
    if (files.length === 0) continue;
    const sums = files.map(([file, { sha256 }]) => `${file.slice(inside.length)} ${sha256}`).sort();
    const [only] = files;
    const sum = only![0] === inside ? only![1].sha256 : createHash("sha256").update(sums.join("\n")).digest("hex");
    hashes[path] = sum.slice(0, 16);
  }
  return hashes;
}
