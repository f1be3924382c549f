/**
 * A project as a reader of the documentation has it: the package installed, and the files that the pages name.
 */
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TemporaryFolder } from "#contract/files/temporary-folder.js";
import { ROOT } from "../run/graph.mjs";

/** The shop's programs and their inputs. */
const SHOP = ["etl", "features", "index", "models", "user.workflow.ts", "ranking.workflow.ts", "recommend.ensemble.ts"];

/** @returns the folder; `dispose` removes it */
export function makeProject(): TemporaryFolder {
  const folder = new TemporaryFolder("docs");
  const at = (...names: string[]): string => join(folder.path, ...names);
  for (const name of SHOP) cpSync(join(ROOT, "examples", "shop", name), at(name), { recursive: true });
  cpSync(join(ROOT, "model-repo"), at("model-repo"), { recursive: true });
  cpSync(join(ROOT, "examples", "service", "models.ts"), at("models.ts"));
  writeFileSync(at("package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
  const modules = join(ROOT, "node_modules");
  mkdirSync(at("node_modules"));
  for (const name of readdirSync(modules).filter(entry => !entry.startsWith(".")))
    symlinkSync(join(modules, name), at("node_modules", name));
  symlinkSync(ROOT, at("node_modules", "merlon"));
  return folder;
}
