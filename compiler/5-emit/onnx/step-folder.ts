/**
 * The files that steps open → a folder with the layout of a plan's, by links: the lowering reads the same files as the executor.
 */
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import type { InferredStep } from "../../3-graph/infer.js";

/** @param work gets the absolute path of a step's artefact; the folder is removed when it is done */
export function withStepFolders<T>(
  steps: readonly InferredStep[],
  work: (file: (step: string, path: string) => string) => T,
): T {
  const root = new TemporaryFolder("lower");
  try {
    const folders = new Map(
      steps.map((step, i) => {
        const folder = join(root.path, String(i));
        mkdirSync(folder);
        for (const file of step.files ?? []) {
          const to = join(folder, file.to);
          mkdirSync(dirname(to), { recursive: true });
          if ("from" in file) link(resolve(file.from), to);
          // SQLite finds a store's journal where the link leads.
          else if ("store" in file) link(resolve(file.store), to);
          else {
            rmSync(to, { force: true });
            writeFileSync(to, "text" in file ? file.text : file.bytes);
          }
        }
        return [step.id, folder] as const;
      }),
    );
    return work((step, path) => join(folders.get(step)!, path));
  } finally {
    root.disposeSync();
  }
}

/** Folders are made and their files linked, so that a text can take the place of one. */
function link(from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    rmSync(to, { force: true });
    symlinkSync(from, to);
    return;
  }
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from)) link(join(from, entry), join(to, entry));
}
