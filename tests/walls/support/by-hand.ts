/**
 * Lets a test edit the files of a built repository, as `docs/guides/deploy.md` says: without the manifests, and the parameters that miss them.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export function withoutManifests(repository: string): void {
  for (const model of readdirSync(repository)) {
    const config = join(repository, model, "config.pbtxt");
    if (!existsSync(config)) continue;
    rmSync(join(repository, model, "manifest.json"), { force: true });
    const parameter = /parameters \{\s*key: "merlon_manifest"\s*value \{[^}]*\}\s*\}\n?/;
    writeFileSync(config, readFileSync(config, "utf8").replace(parameter, ""));
  }
}
