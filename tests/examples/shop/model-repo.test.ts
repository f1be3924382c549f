/** `model-repo/` is what `merlon build` makes of the example, byte for byte. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { build, compile, printDiagnostics } from "#compiler/index.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "merlon-model-repo-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = (repository: string) =>
  readdirSync(repository, { recursive: true, encoding: "utf8" })
    .filter(name => statSync(join(repository, name)).isFile())
    .sort();

it("is a fresh build of examples/shop", async () => {
  const compiled = await compile(join(root, "examples/shop/recommend.ensemble.ts"));
  if (!compiled.ok) throw new Error(printDiagnostics(compiled.diagnostics));
  build(compiled, join(folder, "fresh"));
  const [checkedIn, fresh] = [join(root, "model-repo"), join(folder, "fresh")];
  expect(files(fresh)).toEqual(files(checkedIn));
  const differing = files(fresh).filter(
    name => !readFileSync(join(fresh, name)).equals(readFileSync(join(checkedIn, name))),
  );
  expect(differing, "write it anew with `npm run demo -- --update`").toEqual([]);
});

it("has a feature store that git has once, with the example", () => {
  const tracked = execFileSync("git", ["ls-files", "model-repo", "examples/shop"], { cwd: root, encoding: "utf8" });
  expect(tracked.split("\n").filter(name => name.endsWith("/online_store.db"))).toEqual([
    "examples/shop/features/data/online_store.db",
  ]);
});

it("says nothing of the machine it was built on", () => {
  for (const name of files(join(root, "model-repo")))
    expect(readFileSync(join(root, "model-repo", name)).includes(root.replace(/\/$/, ""))).toBe(false);
});

it("is the result of an ensemble of at most sixty lines", () => {
  const lines = readFileSync(join(root, "examples/shop/recommend.ensemble.ts"), "utf8").trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(60);
});
