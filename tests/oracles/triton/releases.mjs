/**
 * Triton's releases → which server, ONNX Runtime and CUDA each has, read from the branches rYY.MM of its server repository. A line of JSON per release, with its source.
 *
 *     git clone --mirror https://github.com/triton-inference-server/server SERVER
 *     node tests/oracles/triton/releases.mjs SERVER > tests/fixtures/triton-releases/releases.jsonl
 *     node tests/oracles/triton/releases.mjs SERVER --table          # the rows of contract/triton-releases.ts
 *
 * `server` is TRITON_VERSION, `onnxruntime` the version that build.py compiles, both on the release's own branch. `cuda` is that of the month's vLLM container,
 * from docs/introduction/compatibility.md of the newest branch. The page has no rows before 24.04, and no file of the repository names the CUDA of the container with all back ends.
 */
import { execFileSync } from "node:child_process";

const FIRST = "23.06";
const COMPATIBILITY = "docs/introduction/compatibility.md";
const [gitDirectory, form] = process.argv.slice(2);
const git = (...args) => execFileSync("git", ["-C", gitDirectory, ...args], { encoding: "utf8", maxBuffer: 2 ** 26 });
const show = (branch, path) => git("show", `${branch}:${path}`);

const branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/remotes")
  .split("\n")
  .filter(name => /^(?:origin\/)?r\d\d\.\d\d$/.test(name) && name.slice(-5) >= FIRST)
  .sort((a, b) => (a.slice(-5) < b.slice(-5) ? -1 : 1));

/** The version of ONNX Runtime in `build.py`: a named entry today; the third of a tuple, after the two containers, until 24.11. */
function onnxruntimeOf(build) {
  const named = /"ort_version": "([\d.]+)/.exec(build);
  const map = build.slice(build.indexOf("TRITON_VERSION_MAP = {"));
  const [, , third] = [...map.slice(map.indexOf("(")).matchAll(/["']([\d.]+)["'],/g)];
  return (named ?? third)[1];
}

const compatibility = show(branches.at(-1), COMPATIBILITY);
const vllm = compatibility.slice(compatibility.lastIndexOf("## Container Name: vllm"));
const cudaOf = release =>
  new RegExp(`^\\| ${release.replace(".", "\\.")} \\|[^|]*\\|[^|]*\\|[^|]*\\| *(\\d+\\.\\d+(?:\\.\\d+)?)`, "m").exec(
    vllm,
  )?.[1];

for (const branch of branches) {
  const release = branch.slice(-5);
  const cuda = cudaOf(release);
  const row = {
    release,
    server: show(branch, "TRITON_VERSION").trim(),
    onnxruntime: onnxruntimeOf(show(branch, "build.py")),
    ...(cuda && { cuda }),
    source: `r${release} (${git("rev-parse", "--short=9", branch).trim()}): TRITON_VERSION, build.py${cuda ? `; r${branches.at(-1).slice(-5)}: ${COMPATIBILITY}` : ""}`,
  };
  const cell = value => (value === undefined ? "undefined" : JSON.stringify(value));
  console.log(
    form === "--table"
      ? `  [${[row.release, row.server, row.onnxruntime, row.cuda].map(cell).join(", ")}],`
      : JSON.stringify(row),
  );
}
