// `npm run table:dependencies -- BEFORE [AFTER]` compares the dependencies of two commits as a table of Markdown. It counts package-lock.json. Then
// it packs each commit in a temporary folder and installs the package as a user does, which takes minutes; `--no-install` leaves that out. AFTER is
// HEAD by default.
import { execFileSync } from "node:child_process";
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, run } from "./setup.mjs";

const git = (...words) => execFileSync("git", words, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 }).trim();
const nameOf = path => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
const namesOf = packages => [...new Set(Object.keys(packages).map(nameOf))].sort();
/** Their number, and their names if there are a few. */
const listed = names => (names.length === 0 ? "0" : `${names.length}: ${names.map(name => `\`${name}\``).join(", ")}`);
const withScripts = packages => Object.fromEntries(Object.entries(packages).filter(([, one]) => one.hasInstallScript));
const majorOf = range => /\d+/.exec(range ?? "")?.[0] ?? "none";

/** Bytes on the disk, as `du` counts. */
const sizeOf = path =>
  readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + lstatSync(join(entry.parentPath, entry.name)).blocks * 512,
    0,
  );

/** @returns the size and the packages of an install of the commit's package, with npm's defaults but without scripts */
function installed(commit) {
  const folder = mkdtempSync(join(tmpdir(), "merlon-dependencies-"));
  const [clone, project] = [join(folder, "clone"), join(folder, "project")];
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
  try {
    mkdirSync(clone);
    mkdirSync(project);
    run("git", ["archive", "--output", join(folder, "clone.tar"), commit]);
    run("tar", ["-xf", join(folder, "clone.tar"), "-C", clone]);
    run("npm", ["ci", ...flags], { cwd: clone });
    run("npm", ["pack", "--pack-destination", folder], { cwd: clone });
    const tarball = readdirSync(folder).find(name => name.endsWith(".tgz"));
    writeFileSync(join(project, "package.json"), '{ "private": true }\n');
    run("npm", ["install", ...flags, join(folder, tarball)], { cwd: project });
    const modules = join(project, "node_modules");
    const { packages } = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8"));
    return { bytes: sizeOf(modules), packages };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const MAJORS = ["typescript", "@typescript/native", "vitest", "better-sqlite3", "commander", "tstyche"];

function describe(commit, installs) {
  const manifest = JSON.parse(git("show", `${commit}:package.json`));
  const { "": _own, ...locked } = JSON.parse(git("show", `${commit}:package-lock.json`)).packages;
  const count = kind => String(Object.keys(manifest[kind] ?? {}).length);
  const rangeOf = name => manifest.devDependencies?.[name] ?? manifest.dependencies?.[name];
  const product = installs ? installed(commit) : undefined;
  return {
    title: `${git("log", "-1", "--format=%h, %as", commit)}`,
    "direct dependencies": count("dependencies"),
    "optional peers": count("peerDependencies"),
    "for development": count("devDependencies"),
    "packages in `package-lock.json`": String(Object.keys(locked).length),
    "with an install script": listed(namesOf(withScripts(locked))),
    ...(product && {
      "packages of an installed product": String(Object.keys(product.packages).length),
      "with an install script, installed": listed(namesOf(withScripts(product.packages))),
      "size of an installed product": `${(product.bytes / 1e6).toFixed(0)} MB`,
    }),
    ...Object.fromEntries(
      MAJORS.map(name => [`major of \`${name}\``, majorOf(rangeOf(name)?.replace(/^npm:\S+@/, ""))]),
    ),
  };
}

const { values, positionals } = parseArgs({
  options: { "no-install": { type: "boolean", default: false } },
  allowPositionals: true,
});
const [before, after = "HEAD"] = positionals;
if (before === undefined) {
  process.stderr.write("usage: npm run table:dependencies -- BEFORE [AFTER] [--no-install]\n");
  process.exit(1);
}
const [{ title, ...old }, { title: today, ...now }] = [before, after].map(one => describe(one, !values["no-install"]));
const rows = [`| | ${title} | ${today} |`, "|---|---|---|"];
for (const [name, value] of Object.entries(now)) rows.push(`| ${name} | ${old[name]} | ${value} |`);
process.stdout.write(`${rows.join("\n")}\n`);
