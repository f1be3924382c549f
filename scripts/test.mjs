// `npm test`: sets everything up, then runs every suite and ends with one line `N passed, N failed`. `npm test -- PATTERN` runs the files
// whose path contains PATTERN.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ensureLab } from "./lab/ensure-lab.mjs";
import { ordinaryUser } from "./ordinary-user.mjs";
import { ensureDebian, hash, once, ROOT, run, setup, step } from "./setup.mjs";

const VENV = join(ROOT, ".cache", "test-venv");
const PYTHON = join(VENV, "bin", "python");
const WALLS = "tests/walls";
const SCORECARD = join(ROOT, "tests", "scorecard", "main.mjs");
const bin = path => join(ROOT, "node_modules", path);

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

/**
 * Runs vitest and counts.
 * @param run `(command, args, env)` → exit code
 * @returns `{ passed, failures, skipped, files }`; a process that dies is a failure of its own
 */
async function runSuite(run, report, args, env) {
  const code = await run(
    process.execPath,
    [
      bin("vitest/vitest.mjs"),
      "run",
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...args,
    ],
    env,
  );
  const {
    numPassedTests: passed = 0,
    numFailedTests: failed = 0,
    numFailedTestSuites: broken = 0,
    numPendingTests: skipped = 0,
    testResults: files = [],
  } = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { numFailedTests: 1 };
  // A process that dies takes its file's name with it: vitest says only that one did.
  for (const { name, assertionResults } of files) {
    const cut = assertionResults.find(({ status }) => status === "pending");
    if (cut) process.stdout.write(`\n✘ ${relative(ROOT, name)}: its process ended during \`${cut.fullName}\`\n`);
  }
  return { passed, skipped, files, failures: failed + (code !== 0 && failed === 0 ? Math.max(1, broken) : 0) };
}

/** The tests of walls hold without root's rights, and run without them. */
async function asOrdinaryUser(pattern, env) {
  const user = ordinaryUser();
  try {
    // Vite's other loader writes into node_modules.
    process.stdout.write(`\n${WALLS} runs as ${user.name}\n`);
    const isOrdinary = user.name === "root" ? "0" : "1";
    return await runSuite(user.run, join(user.results, "vitest.json"), ["--configLoader", "runner", ...pattern], {
      ...env,
      MERLON_ORDINARY_USER: isOrdinary,
    });
  } finally {
    user.dispose();
  }
}

try {
  await setup();
  await ensurePython();
  const lab = await ensureLab();
  ensureBrowser();
  ensureDebian("The tests of TLS", ["openssl"]);
  ensureDebian("The test of the files that a server opens", ["strace"]);
  ensureDebian("The tests of GPU placement, on a software Vulkan device", ["mesa-vulkan-drivers", "libvulkan1"], () =>
    hasSoftwareVulkan(),
  );
  ensureDebian("The tests of Redis feature stores", ["redis-server"]);
  ensureDebian("The tests of Spark", ["openjdk-21-jre-headless"], hasJava);
  const pattern = process.argv.slice(2);
  const report = join(ROOT, ".cache", "vitest.json");
  mkdirSync(join(ROOT, ".cache"), { recursive: true });
  rmSync(report, { force: true });
  const gates = pattern.length
    ? []
    : [
        await gate("biome: format and lint", [bin("@biomejs/biome/bin/biome"), "check"]),
        await gate("oxlint: promises that nobody waits for", [bin("oxlint/bin/oxlint"), "--type-aware"]),
        await gate("tstyche: types and their sentences", [bin("tstyche/build/bin.js")]),
      ];
  const env = { MERLON_TEST_PYTHON: PYTHON, MERLON_LAB_PYTHON: lab };
  const suites = [
    await runSuite(show, report, ["--exclude", `${WALLS}/**`, ...pattern], env),
    await asOrdinaryUser(pattern, env),
  ];
  if (pattern.length > 0 && suites.every(({ files }) => files.length === 0))
    throw new Error(`no test file's path contains ${pattern.join(" or ")}`);
  if (pattern.length === 0) {
    writeFileSync(report, JSON.stringify({ testResults: suites.flatMap(({ files }) => files) }));
    gates.push(await gate("scorecard: quick tier", [SCORECARD, "--report", report]));
  }
  const sum = key => suites.reduce((total, suite) => total + suite[key], 0);
  const failures = sum("failures") + gates.filter(ok => !ok).length;
  const skipped = sum("skipped");
  process.stdout.write(
    `\n${sum("passed") + gates.filter(Boolean).length} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ""}\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`\nnpm test stopped: ${error.message}\n`);
  process.stdout.write("\n0 passed, 1 failed\n");
  process.exitCode = 1;
}
