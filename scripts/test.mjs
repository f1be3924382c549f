// `npm test`: sets everything up, then runs every suite and ends with one line `N passed, N failed`. `npm test -- PATTERN` runs the files
// whose path contains PATTERN.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureLab } from "./lab/ensure-lab.mjs";
import { ensureDebian, hash, once, ROOT, run, setup, step } from "./setup.mjs";

const VENV = join(ROOT, ".cache", "test-venv");
const PYTHON = join(VENV, "bin", "python");

/** The official clients and the independent reference run in a virtual environment of their own. */
async function ensurePython() {
  const requirements = readFileSync(join(ROOT, "tests", "requirements.txt"), "utf8");
  const key = hash(requirements);
  const stamped = join(ROOT, ".cache", "setup", "test-venv");
  if (existsSync(PYTHON) && existsSync(stamped) && readFileSync(stamped, "utf8") === key) return;
  await step("Installing the Python clients that tests compare with (two or three minutes)", async () => {
    ensureDebian("npm test", ["python3"]);
    rmSync(VENV, { recursive: true, force: true });
    try {
      run("python3", ["-m", "venv", VENV]);
    } catch {
      ensureDebian("npm test", ["python3-venv"], () => false);
      rmSync(VENV, { recursive: true, force: true });
      run("python3", ["-m", "venv", VENV]);
    }
    run(PYTHON, [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "-r",
      join("tests", "requirements.txt"),
    ]);
    await once("test-venv", key, () => {});
  });
}

/** The page of `merlon explain` is tested in a real browser. */
function ensureBrowser() {
  const here = ["chromium", "chromium-browser", "google-chrome"].some(name => existsSync(`/usr/bin/${name}`));
  ensureDebian("The test of `merlon explain --format html`", ["chromium"], () => here);
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

/** Runs a command with its output on the terminal; resolves with the exit code. */
const show = (command, args, env = {}) =>
  new Promise(done =>
    spawn(command, args, { cwd: ROOT, stdio: "inherit", env: { ...process.env, ...env } }).on("exit", (code, signal) =>
      done(code ?? (signal ? 1 : 0)),
    ),
  );

/** A whole tool counted as one test. */
async function gate(name, args) {
  const code = await show(process.execPath, args);
  process.stdout.write(`${code === 0 ? "✔" : "✘"} ${name}\n`);
  return code === 0;
}

try {
  await setup();
  await ensurePython();
  const lab = await ensureLab();
  ensureBrowser();
  ensureDebian("The tests of TLS", ["openssl"]);
  ensureDebian("The tests of GPU placement, on a software Vulkan device", ["mesa-vulkan-drivers", "libvulkan1"], () =>
    hasSoftwareVulkan(),
  );
  ensureDebian("The tests of Redis feature stores", ["redis-server"]);
  ensureDebian("The tests of Spark", ["openjdk-21-jre-headless"], hasJava);
  const pattern = process.argv.slice(2);
  const report = join(ROOT, ".cache", "vitest.json");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  rmSync(report, { force: true });
  const bin = path => join(ROOT, "node_modules", path);
  const gates = pattern.length
    ? []
    : [
        await gate("biome: format and lint", [bin("@biomejs/biome/bin/biome"), "check"]),
        await gate("tstyche: types and their sentences", [bin("tstyche/build/bin.js")]),
      ];
  const code = await show(
    process.execPath,
    [
      bin("vitest/vitest.mjs"),
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...pattern,
    ],
    { MERLON_TEST_PYTHON: PYTHON, MERLON_LAB_PYTHON: lab },
  );
  const {
    numPassedTests: passed = 0,
    numFailedTests: failed = 0,
    numFailedTestSuites: suites = 0,
    numPendingTests: skipped = 0,
    testResults: files = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { numFailedTests: 1 };
  // A process that dies takes its file's name with it: vitest says only that one did.
  for (const { name, assertionResults } of files) {
    const cut = assertionResults.find(({ status }) => status === "pending");
    if (cut) process.stdout.write(`\n✘ ${relative(ROOT, name)}: its process ended during \`${cut.fullName}\`\n`);
  }
  const failures = failed + gates.filter(ok => !ok).length + (code !== 0 && failed === 0 ? Math.max(1, suites) : 0);
  process.stdout.write(
    `\n${passed + gates.filter(Boolean).length} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ""}\n`,
  );
  process.exitCode = failures === 0 && code === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`\nnpm test stopped: ${error.message}\n`);
  process.stdout.write("\n0 passed, 1 failed\n");
  process.exitCode = 1;
}
