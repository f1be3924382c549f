/**
 * Builds the fuzz driver with address and undefined-behavior sanitizers.
 * - `buildDriver({ faiss: "installed" })`: our code with sanitizers, against the installed FAISS. Takes about 20 s.
 * - `buildDriver({ faiss: "sources" })`: FAISS too. Its sources are Debian's package `faiss` of the installed version (`apt-get source`), or the folder
 *   `MERLON_FAISS_SOURCES` that holds `faiss/Index.h`. Takes about five minutes of CPU once; objects are kept in `.cache/faiss-sanitized`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const NATIVE = join(ROOT, "runtime", "stores", "vectors", "native");
const DRIVER = fileURLToPath(new URL("driver.cc", import.meta.url));
const CACHE = cacheFolder();
const FLAGS = [
  "-std=c++17",
  "-O1",
  "-g1",
  "-fno-omit-frame-pointer",
  "-fsanitize=address,undefined",
  "-fopenmp",
  "-DFINTEGER=int",
  // Reads between a vector's size and its capacity are found too.
  "-D_GLIBCXX_SANITIZE_VECTOR=1",
  "-w",
];
/** Sources of FAISS for other processors, and those that a search in this process never needs. */
const LEFT_OUT = /\/(gpu|gpu_metal|python|rocm|svs|cppcontrib\/(?!factory_tools))\/|_(avx2|avx512|neon|sve|rvv)\.cpp$/;

/** In the checkout, or in the temporary folder of a user who cannot write there. */
function cacheFolder() {
  const folder = join(ROOT, ".cache", "faiss-sanitized");
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return join(tmpdir(), "faiss-sanitized");
  }
}

/** @returns path of the driver @throws Error with the compiler's first lines */
export function buildDriver({ faiss, log = () => {} }) {
  mkdirSync(CACHE, { recursive: true });
  const key = createHash("sha256");
  for (const name of readdirSync(NATIVE).filter(name => name.endsWith(".h")))
    key.update(readFileSync(join(NATIVE, name)));
  key.update(readFileSync(DRIVER)).update(FLAGS.join(" "));
  const target = join(CACHE, `driver-${faiss}-${key.digest("hex").slice(0, 16)}`);
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}`;
  if (faiss === "installed") {
    // Only our own vectors would be annotated, and FAISS's code would not keep the annotations up.
    const flags = FLAGS.filter(flag => !flag.includes("SANITIZE_VECTOR"));
    compile([...flags, `-I${NATIVE}`, DRIVER, "-o", partial, "-lfaiss", "-lopenblas", "-lgomp"]);
  } else {
    const sources = faissSources(log);
    const archive = buildFaiss(sources, log);
    compile([...FLAGS, `-I${sources}`, `-I${NATIVE}`, DRIVER, archive, "-o", partial, "-lopenblas", "-lgomp"]);
  }
  renameSync(partial, target);
  return target;
}

function compile(args) {
  const { status, stderr, error } = spawnSync("g++", args, { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`g++ failed: ${(stderr || error?.message || "").trim().split("\n").slice(0, 5).join("\n")}`);
}

function buildFaiss(sources, log) {
  const archive = join(CACHE, "libfaiss.a");
  if (existsSync(archive)) return archive;
  const objects = join(CACHE, "obj");
  mkdirSync(objects, { recursive: true });
  const files = readdirSync(join(sources, "faiss"), { recursive: true, encoding: "utf8" })
    .map(name => `faiss/${name}`)
    .filter(name => name.endsWith(".cpp") && !LEFT_OUT.test(`/${name}`))
    .sort();
  for (const [i, file] of files.entries()) {
    const object = join(objects, `${file.replaceAll("/", "_")}.o`);
    if (existsSync(object)) continue;
    log(`${i + 1} of ${files.length}: ${file}`);
    compile([...FLAGS, "-fPIC", "-c", `-I${sources}`, join(sources, file), "-o", `${object}.part`]);
    renameSync(`${object}.part`, object);
  }
  const made = readdirSync(objects).map(name => join(objects, name));
  const { status } = spawnSync("ar", ["rcs", `${archive}.part`, ...made], { stdio: "inherit" });
  if (status !== 0) throw new Error("ar could not put the objects together");
  renameSync(`${archive}.part`, archive);
  return archive;
}

function faissSources(log) {
  const given = process.env.MERLON_FAISS_SOURCES;
  if (given) {
    if (existsSync(join(given, "faiss", "Index.h"))) return given;
    throw new Error(`MERLON_FAISS_SOURCES is ${given}, and faiss/Index.h is not there`);
  }
  const folder = join(CACHE, "source");
  if (!existsSync(join(folder, "faiss", "Index.h"))) {
    log("fetching Debian's source package of FAISS …");
    fetchSources(folder);
  }
  return folder;
}

/** Through a configuration of its own: the machine's list of sources stays as it is. */
function fetchSources(folder) {
  const apt = join(CACHE, "apt");
  mkdirSync(join(apt, "lists", "partial"), { recursive: true });
  const release = /VERSION_CODENAME=(\S+)/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "stable";
  writeFileSync(
    join(apt, "faiss.sources"),
    `Types: deb-src\nURIs: http://deb.debian.org/debian\nSuites: ${release}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.pgp\n`,
  );
  const options = [
    "Dir::Etc::SourceList=/dev/null",
    `Dir::Etc::SourceParts=${apt}`,
    `Dir::State::Lists=${join(apt, "lists")}`,
  ].flatMap(option => ["-o", option]);
  const run = (...args) => {
    const { status, stderr } = spawnSync("apt-get", [...options, ...args], { cwd: apt, encoding: "utf8" });
    if (status !== 0)
      throw new Error(
        `apt-get ${args.join(" ")} failed: ${(stderr ?? "").trim().split("\n").at(-1)}. Set MERLON_FAISS_SOURCES to a folder with FAISS's sources.`,
      );
  };
  run("update");
  run("source", "faiss");
  const found = readdirSync(apt).find(name => existsSync(join(apt, name, "faiss", "Index.h")));
  if (!found) throw new Error(`the source package of FAISS holds no faiss/Index.h`);
  rmSync(folder, { recursive: true, force: true });
  renameSync(join(apt, found), folder);
}
