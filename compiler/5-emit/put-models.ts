/** Models of a program → a repository: written beside it, then put in the place of the program's earlier models, all together. */
import { existsSync, lstatSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { unwritable } from "../../contract/files/file-fault.js";
import { exchangeModels, withRepository } from "../../formats/folders/exchange-models.js";
import { newHolder } from "../../formats/folders/folder-lock.js";
import type { BuiltFrom } from "../../formats/folders/manifest.js";
import { outputFolder } from "../../formats/folders/output-folder.js";
import { makeFolders, StagingFolder } from "../../formats/folders/replace-folder.js";
import { ownModels } from "./own-models.js";

export interface ModelsToPut {
  /** Repository folder as the user wrote it. */
  readonly out: string;
  readonly program: BuiltFrom;
  readonly names: readonly string[];
  /** Files that the build reads. The repository must not hold them. */
  readonly reads: readonly string[];
  /** @param folder to write the models into @param repository where they will be */
  write(folder: string, repository: string): void;
}

/** @returns the repository's folder, and sentences about replaced models @throws Error; the repository is then as before */
export function putModels({ out, program, names, reads, write }: ModelsToPut): {
  readonly repository: string;
  readonly notes: readonly string[];
} {
  const repository = outputFolder(out, { command: "merlon build", isOwn: isRepository, reads });
  const holder = newHolder(`merlon build ${program.file ?? program.name}`);
  const work = () => {
    const { remove, notes } = ownModels(repository, program, names);
    const staging = new StagingFolder(repository);
    try {
      write(staging.path, repository);
      exchangeModels(repository, staging.path, { put: names, remove }, holder);
    } finally {
      staging.dispose();
    }
    return { repository, notes };
  };
  try {
    makeFolders(dirname(repository));
  } catch (error) {
    throw unwritable(out, error);
  }
  return withRepository(repository, holder, work);
}

/** Whether a folder has models, or nothing but hidden files. */
function isRepository(folder: string): boolean {
  const entries = readdirSync(folder).filter(name => !(name.startsWith(".") && lstatSync(join(folder, name)).isFile()));
  const hasVersion = (model: string): boolean => {
    try {
      return readdirSync(model).some(name => /^\d+$/.test(name));
    } catch {
      return false;
    }
  };
  return (
    entries.some(name => existsSync(join(folder, name, "config.pbtxt"))) ||
    entries.every(name => hasVersion(join(folder, name)))
  );
}

/** A program's file for manifests: equal wherever the project is. @param file absolute */
export function projectPath(file: string): string {
  let root = dirname(file);
  while (!existsSync(join(root, "package.json")) && dirname(root) !== root) root = dirname(root);
  return relative(existsSync(join(root, "package.json")) ? root : dirname(dirname(file)), file);
}
