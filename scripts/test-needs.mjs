// The set-up of `npm test` for each need of tests/needs, and the test files of the tree. Uses Node's own modules only.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureSite } from "./docs/main.mjs";
import { ensureLab } from "./lab/ensure-lab.mjs";
import { ensureBuilt, ensureDebian, hash, once, pipInstall, ROOT, run, runBeside, step } from "./setup.mjs";
import { findPythons } from "./test-pythons.mjs";

/** The official clients and the originals run in a virtual environment of their own. */
async function installClients() {
  const venv = join(ROOT, ".cache", "test-venv");
  const python = join(venv, "bin", "python");
  const key = hash(readFileSync(join(ROOT, "tests", "requirements.txt"), "utf8"));
  const stamped = join(ROOT, ".cache", "setup", "test-venv");
  if (existsSync(python) && existsSync(stamped) && readFileSync(stamped, "utf8") === key) return python;
  await step("Installing the Python clients that tests compare with (a minute or two)", async () => {
    ensureDebian("npm test", ["python3"]);
    rmSync(venv, { recursive: true, force: true });
    try {
      run("python3", ["-m", "venv", venv]);
    } catch {
      ensureDebian("npm test", ["python3-venv"], () => false);
      rmSync(venv, { recursive: true, force: true });
      run("python3", ["-m", "venv", venv]);
    }
    const requirements = join("tests", "requirements.txt");
    await pipInstall(python, ["-r", requirements]);
    await once("test-venv", key, () => {});
  });
  return python;
}

/** The same environment, which two needs share. */
let clients;
const ensurePython = () => {
  clients ??= installClients();
  return clients;
};

const SPARK = ["pyspark>=4,<5"];

/** Java, and PySpark beside the clients: its download is as large as all of theirs. */
async function ensureSpark() {
  ensureDebian("The tests of Spark", ["openjdk-21-jre-headless"], hasJava);
  const python = await ensurePython();
  const made = join(ROOT, ".cache", "test-venv", "bin", "spark-submit");
  await once("spark", hash(SPARK.join(" ")), () => step("Installing PySpark", () => pipInstall(python, SPARK)), made);
}

/**
 * Packages of PyPI in a virtual environment of their own: their dependencies differ from the clients'.
 * @returns the folder of its programs
 */
async function ensureVenv(name, requirements, what) {
  const venv = join(ROOT, ".cache", name);
  const bin = join(venv, "bin");
  await once(
    name,
    hash(requirements.join(" ")),
    () =>
      step(`Installing ${what}`, async () => {
        ensureDebian("npm test", ["python3", "python3-venv"], () => existsSync("/usr/bin/python3"));
        rmSync(venv, { recursive: true, force: true });
        run("python3", ["-m", "venv", venv]);
        await pipInstall(join(bin, "python"), requirements);
      }),
    bin,
  );
  return bin;
}

const ensureMoto = async () =>
  join(await ensureVenv("moto-venv", ["moto[server]==5.1.17"], "moto, a local server of S3"), "moto_server");

const ensureKafka = async () =>
  join(await ensureVenv("kafka-venv", ["confluent-kafka==2.16.1"], "mock brokers of Kafka"), "python");

/** pymilvus has the messages that the server needs. */
const MILVUS = ["milvus-lite==3.2.2", "pymilvus==3.0.2"];
const ensureMilvus = async () =>
  join(await ensureVenv("milvus-venv", MILVUS, "milvus-lite, a local server of Milvus' protocol"), "milvus-lite");

const ensureQdrant = async () =>
  join(await ensureVenv("qdrant-venv", ["qdrant-client==1.20.0"], "qdrant-client, Qdrant's messages"), "python");

/** The releases that docs/guides/editors.md names. The development build is the newest one with which content mappers were tried. */
export const TYPESCRIPTS = {
  "typescript-7.0": "npm:typescript@7.0.2",
  "typescript-7.1": "npm:typescript@7.1.0-dev.20261021.1",
};

/** The native compilers, beside the project's own TypeScript. */
async function ensureTypeScripts() {
  const folder = join(ROOT, ".cache", "typescripts");
  await once("typescripts", hash(JSON.stringify(TYPESCRIPTS)), () =>
    step("Installing TypeScript 7 for the tests of editors", async () => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: TYPESCRIPTS }));
      await runBeside("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"]);
    }),
  );
  return folder;
}

/** Other packages bring the folder too, with drivers for devices that are not here. */
function hasSoftwareVulkan() {
  const drivers = "/usr/share/vulkan/icd.d";
  return existsSync(drivers) && readdirSync(drivers).some(name => name.startsWith("lvp_icd"));
}

/** Spark's own rule: JAVA_HOME, else the path. */
const hasJava = () =>
  spawnSync(process.env.JAVA_HOME ? join(process.env.JAVA_HOME, "bin", "java") : "java", ["-version"], {
    stdio: "ignore",
  }).status === 0;

const hasPgvector = () => existsSync("/usr/share/postgresql/17/extension/vector.control");

const hasBrowser = () => ["chromium", "chromium-browser", "google-chrome"].some(name => existsSync(`/usr/bin/${name}`));

/** Name in tests/needs → what makes it ready; returns what the tests find in their environment. In the order in which they start. */
export const NEEDS = {
  python: async () => ({ MERLON_TEST_PYTHON: await ensurePython() }),
  lab: async () => ({ MERLON_LAB_PYTHON: await ensureLab() }),
  built: ensureBuilt,
  moto: async () => ({ MERLON_TEST_MOTO: await ensureMoto() }),
  kafka: async () => ({ MERLON_TEST_KAFKA: await ensureKafka() }),
  milvus: async () => ({ MERLON_TEST_MILVUS: await ensureMilvus() }),
  qdrant: async () => ({ MERLON_TEST_QDRANT: await ensureQdrant() }),
  pythons: async () => ({ MERLON_TEST_PYTHONS: JSON.stringify(await findPythons()) }),
  typescripts: async () => ({ MERLON_TEST_TYPESCRIPTS: await ensureTypeScripts() }),
  site: async () => void (await ensureSite()),
  chromium: () => ensureDebian("The tests of pages", ["chromium"], hasBrowser),
  openssl: () => ensureDebian("The tests of TLS", ["openssl"]),
  strace: () => ensureDebian("The test of the files that a server opens", ["strace"]),
  vulkan: () =>
    ensureDebian(
      "The tests of GPU placement, on a software Vulkan device",
      ["mesa-vulkan-drivers", "libvulkan1"],
      hasSoftwareVulkan,
    ),
  redis: () => ensureDebian("The tests of Redis feature stores", ["redis-server"]),
  postgres: () =>
    ensureDebian("The tests of vector stores in PostgreSQL", ["postgresql-17", "postgresql-17-pgvector"], hasPgvector),
  java: ensureSpark,
};

/** These download for minutes, and hardly compute: tests that need none of them run meanwhile. */
const DOWNLOADED = new Set(["python", "java", "lab", "milvus", "qdrant", "pythons", "typescripts", "site"]);

/** @returns whether a file with these needs waits for downloads */
export const isLate = needs => needs.some(name => DOWNLOADED.has(name));

/**
 * Starts the set-ups together: packages are downloaded while the tree is compiled. Set-ups with apt or a compiler are synchronous, so that two of
 * them never run at once.
 * @param needs names
 * @returns `{ early, all }`: the environment of tests for which `isLate` is false, and that of all tests
 */
export function startNeeds(needs) {
  const due = Object.entries(NEEDS).filter(([name]) => needs.has(name));
  const started = due.map(([name, ensure]) => [name, ensure()]);
  const environmentOf = async chosen => Object.assign({}, ...(await Promise.all(chosen.map(([, ready]) => ready))));
  const [early, all] = [environmentOf(started.filter(([name]) => !DOWNLOADED.has(name))), environmentOf(started)];
  // Its fault may be that of `early`, which is awaited first.
  all.catch(() => {});
  return { early, all };
}

/** `startNeeds`, awaited whole. */
export const setUpNeeds = needs => startNeeds(needs).all;

/** Paths of the test files, relative to the tree, sorted: those that vitest.config.ts includes. */
export function testFiles() {
  const found = [];
  const visit = folder => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name === "node_modules") continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.name.endsWith(".test.ts")) found.push(relative(ROOT, path));
    }
  };
  for (const folder of ["operators", "tests", "examples"]) visit(join(ROOT, folder));
  return found.filter(path => !path.startsWith("tests/bench/")).sort();
}
