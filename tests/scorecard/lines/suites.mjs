/**
 * Lines that are judged by suites of tests.
 */
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { startEcho } from "../support/http2-echo.mjs";
import { ROOT } from "../support/tests.mjs";

const ARTEFACTS = ["faiss", "arrow", "npz", "opens", "special", "artefact"].map(name => `tests/walls/${name}`);
const WHOLE = { env: { RELIABILITY: "full" } };

/** @param count of `tests.count` @param what the tests are about */
const judged = ({ passed, total, failures }, what = "tests") => ({
  figure: `${passed} of ${total} ${what}`,
  pass: total > 0 && passed === total,
  note: failures.slice(0, 5).join("; "),
});

/** A line that is one group of test files. */
const suite = ({ id, title, bar, files, title: _, pattern, what, whole }) => ({
  id,
  title,
  bar,
  quick: async ({ tests }) => judged(await tests.count(files, { title: pattern }), what),
  full: async ({ tests }) => judged(await tests.count(files, { title: pattern, ...(whole && WHOLE) }), what),
});

/** Runs a command of the project. @returns exit code and the end of its output */
const command = (script, args) =>
  new Promise(resolve => {
    let output = "";
    const child = spawn(process.execPath, [join(ROOT, script), ...args], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", chunk => {
        output = (output + chunk).slice(-20_000);
      });
    child.on("exit", code => resolve({ code, output }));
  });

/** RFC 9113 took dependencies of streams out of HTTP/2; h2spec tests RFC 7540. */
const EXPLAINED = /depends? on itself/;

/** The external HTTP/2 conformance suite, strict, where it is installed. */
async function h2spec() {
  if (spawnSync("h2spec", ["--version"]).status !== 0) return undefined;
  const { port } = await startEcho();
  const child = spawn("h2spec", ["--strict", "-h", "127.0.0.1", "-p", String(port), "-o", "5"]);
  let output = "";
  child.stdout.on("data", chunk => {
    output += chunk;
  });
  await new Promise(resolve => child.on("exit", resolve));
  const [, total, passed] = /(\d+) tests, (\d+) passed/.exec(output) ?? [];
  const failures = [...output.slice(output.indexOf("Failures:")).matchAll(/× \d+: (.*)/g)].map(([, name]) => name);
  return { total, passed, failures: [...new Set(failures)] };
}

export const LINES = [
  suite({
    id: "S1",
    title: "CVE regression rows",
    bar: "all",
    files: [
      "tests/reliability/",
      "tests/walls/",
      "tests/runtime/server/transport/hostile",
      "tests/runtime/server/transport/http1/oracle",
      "tests/runtime/server/transport/http1/heads",
    ],
    whole: true,
  }),
  {
    id: "S2",
    title: "Structured fuzz: not answered, or hung",
    bar: "100,000 a protocol: 0 (goal: 10 M)",
    quick: async ({ tests }) => ({
      ...judged(await tests.count(["tests/fuzz/"])),
      note: "2,000 requests a protocol",
    }),
    async full() {
      const started = performance.now();
      const { code, output } = await command("tests/fuzz/main.mjs", ["--count", "100000"]);
      const minutes = (performance.now() - started) / 60_000;
      const leaks = output.split("\n").filter(line => line.includes("LEAKS"));
      const counts = [...output.matchAll(/^(\w+): (\d+) requests .* (\d+) not answered, slowest (\d+) ms/gm)];
      return {
        figure: counts
          .map(([, name, sent, silent, slowest]) => `${name} ${sent}: ${silent}, slowest ${slowest} ms`)
          .join("; "),
        pass: code === 0 && counts.length === 3,
        note: [
          `${minutes.toFixed(1)} minutes; 10 M a protocol take ${((minutes * 100) / 60).toFixed(1)} hours`,
          ...leaks.map(line => line.trim()),
        ].join("; "),
      };
    },
  },
  {
    id: "S3",
    title: "Artefact fuzz: deaths, opens outside the repository",
    bar: "10,000: 0; 0 (goal: 1 M)",
    quick: async ({ tests }) =>
      judged(
        await tests.count([
          "operators/query-faiss/query-faiss-damaged",
          "tests/runtime/server/bad-served",
          "tests/runtime/server/models/bad-repository",
          ...ARTEFACTS,
        ]),
      ),
    async full() {
      const started = performance.now();
      const { code, output } = await command("tests/fuzz/faiss.mjs", ["--changes", "200"]);
      const minutes = (performance.now() - started) / 60_000;
      const kinds = [...output.matchAll(/"refused":(\d+),"searched":(\d+)/g)];
      const files = kinds.reduce((sum, [, refused, searched]) => sum + Number(refused) + Number(searched), 0);
      return {
        figure: `${files} damaged index files of ${kinds.length} kinds: ${/died/.test(output) ? "a process died" : "0 deaths"}`,
        pass: code === 0 && files >= 10_000,
        note: `${minutes.toFixed(1)} minutes; 1 M take ${((minutes * 1e6) / Math.max(1, files) / 60).toFixed(1)} hours`,
      };
    },
  },
  {
    id: "S7",
    title: "HTTP/2 and protocol conformance",
    bar: "0 failures",
    async quick({ tests }) {
      const rules = await tests.count(["tests/runtime/server/transport/http2/"]);
      const recorded = await tests.count(["tests/conformance/"]);
      const external = await h2spec();
      const own = `${rules.passed} of ${rules.total} HTTP/2 cases; ${recorded.passed} of ${recorded.total} groups recorded from Triton`;
      const unexplained = external?.failures.filter(name => !EXPLAINED.test(name)) ?? [];
      return {
        figure: external
          ? `${own}; h2spec --strict: ${external.passed} of ${external.total}, ${unexplained.length} failures unexplained`
          : own,
        pass: rules.failed === 0 && recorded.failed === 0 && unexplained.length === 0,
        note: external
          ? `connect-conformance is not installed; explained: ${external.failures.filter(name => EXPLAINED.test(name)).join(", ")}`
          : "h2spec and connect-conformance are not installed: own table",
      };
    },
    full: context => LINES.find(({ id }) => id === "S7").quick(context),
  },
  suite({
    id: "S8",
    title: "Restricted APIs: routes × credentials × spellings",
    bar: "0 allowed wrongly of ≥ 1,000 cells",
    files: ["tests/reliability/restriction", "tests/walls/restricted"],
    pattern: /closed over|restrict/i,
    what: "tests of the matrix",
  }),
  suite({
    id: "S10",
    title: "Load, unload and reload under requests",
    bar: "0 mixed; 0 failed",
    files: [
      "tests/reliability/races",
      "tests/runtime/server/models/reload",
      "tests/runtime/server/models/polled-together",
      "tests/runtime/server/stages-served",
    ],
    whole: true,
  }),
  suite({
    id: "S15",
    title: "Redis and feature servers killed, paused, slow",
    bar: "errors in time; recovery without restart",
    files: [
      "tests/runtime/server/bad-stores-served",
      "tests/runtime/server/cancel-served",
      "tests/runtime/stores/feast/feature-server",
    ],
  }),
  suite({
    id: "S16",
    title: "SQLite locked, deleted, cut, flipped",
    bar: "0 wrong features; 0 deaths",
    files: [
      "tests/runtime/stores/feast/feast-store",
      "tests/runtime/server/bad-served",
      "tests/walls/store",
      "tests/formats/feast/store-check",
      "tests/walls/manifest",
    ],
    pattern: /sqlite|store|flip|checksum|journal|WAL/i,
  }),
  suite({
    id: "S18",
    title: "Shared memory: races, sizes, leaks",
    bar: "0; 0",
    files: ["tests/reliability/shared-memory"],
    whole: true,
  }),
  {
    id: "S21",
    title: "Simulated schedulers: rules broken",
    bar: "500 seeds: 0 (full: 10,000)",
    quick: async ({ tests }) => ({
      ...judged(await tests.count(["tests/runtime/server/scheduling/simulation"])),
      note: "500 seeds",
    }),
    full: async ({ tests }) => ({
      ...judged(
        await tests.count(["tests/runtime/server/scheduling/simulation"], { env: { SIMULATION_SEEDS: "10000" } }),
      ),
      note: "10,000 seeds",
    }),
  },
  suite({
    id: "S22",
    title: "Failures of file systems, networks and children",
    bar: "0 crashes, leaks, half states",
    files: [
      "tests/runtime/etl/full-disk",
      "tests/runtime/testing/faults",
      "tests/compiler/5-emit/build.test",
      "tests/runtime/etl/feast-materialize",
    ],
  }),
];
