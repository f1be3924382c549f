/**
 * S25: known faults of the shipped packages, and the versions below which none may be.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/tests.mjs";

/** From advisories of the packages; see SECURITY.md. */
const FLOORS = { protobufjs: "8.6.6", "@grpc/grpc-js": "1.14.4", "onnxruntime-node": "1.27.0" };
const NODE_FLOORS = ["22.23.2", "24.18.1"];
const AUDIT_MS = 20_000;

const parts = version => version.split(".").map(Number);
/** True if `version` is not below `floor`. */
function reaches(version, floor) {
  const [have, need] = [parts(version), parts(floor)];
  const at = have.findIndex((part, i) => part !== need[i]);
  return at === -1 || have[at] > need[at];
}

/** High and critical findings in what ships, or undefined where the registry does not answer. */
function audit() {
  const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: AUDIT_MS,
  });
  try {
    const { vulnerabilities } = JSON.parse(stdout).metadata;
    return vulnerabilities.high + vulnerabilities.critical;
  } catch {
    return undefined;
  }
}

function judge() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const below = Object.entries(FLOORS).filter(([name, floor]) => {
    const found = packages[`node_modules/${name}`];
    return found && !reaches(found.version, floor);
  });
  const found = audit();
  const node = process.versions.node;
  const isNodeFine = NODE_FLOORS.some(floor => parts(floor)[0] === parts(node)[0] && reaches(node, floor));
  return {
    figure: `${found ?? "unknown"} high or critical; ${Object.keys(FLOORS).length - below.length} of ${Object.keys(FLOORS).length} packages at their floor; Node ${node} ${isNodeFine ? "reaches" : "is below"} its floor`,
    pass: found > 0 || below.length > 0 ? false : isNodeFine ? found === 0 || undefined : undefined,
    note: [
      ...below.map(([name, floor]) => `${name} is below ${floor}`),
      ...(found === undefined ? ["the registry does not answer npm audit"] : []),
      ...(isNodeFine ? [] : [`Node's floor (${NODE_FLOORS.join(", ")}) is not yet judged`]),
    ].join("; "),
  };
}

export const LINES = [
  { id: "S25", title: "Dependencies and floors", bar: "0 high or critical; all floors", quick: judge, full: judge },
];
