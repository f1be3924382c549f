/**
 * S25: known faults of the shipped packages, and the versions below which none may be.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isBelow, isPatchedNode, NODE_FLOORS, PACKAGE_FLOORS } from "../../../dist/runtime/base/version-floors.js";
import { NODE_FLOOR } from "../../../scripts/own-node.mjs";
import { ROOT } from "../support/tests.mjs";

/** The product's own floors, and the clients' that tests compare with; see SECURITY.md. */
const FLOORS = { ...PACKAGE_FLOORS, "@grpc/grpc-js": "1.14.4" };
const AUDIT_MS = 20_000;
const PROGRAM = join(ROOT, "dist", "bin", "merlon.cjs");

/** High and critical findings in shipped packages, or undefined if the registry does not respond. */
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

/** The output and exit code of the installed program under a Node that claims to be of this version. */
function startUnder(version) {
  const claim = `data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"${version}"}})`;
  const { status, stderr } = spawnSync(process.execPath, ["--import", claim, PROGRAM, "--version"], {
    encoding: "utf8",
  });
  return { status, stderr };
}

/** The program refuses the release before its floor, in one sentence, and starts at the floor. */
function isFloorEnforced() {
  const [major, minor] = NODE_FLOOR.split(".").map(Number);
  const below = startUnder(`${major}.${minor - 1}.0`);
  return below.status === 1 && /^[^\n]+ needs Node [^\n]+\n$/.test(below.stderr) && startUnder(NODE_FLOOR).status === 0;
}

function judge() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const below = Object.entries(FLOORS).filter(([name, floor]) => {
    const found = packages[`node_modules/${name}`];
    return found && isBelow(found.version, floor);
  });
  const found = audit();
  const node = process.versions.node;
  const isEnforced = isFloorEnforced();
  const faults = [
    ...below.map(([name, floor]) => `${name} is below ${floor}`),
    ...(isPatchedNode(node) ? [] : [`Node ${node} is below ${NODE_FLOORS.join(", ")}`]),
    ...(isEnforced ? [] : [`the program starts under a Node below ${NODE_FLOOR}`]),
    ...(found > 0 ? [`npm audit finds ${found}`] : []),
  ];
  return {
    figure: `${found ?? "unknown"} high or critical; ${Object.keys(FLOORS).length - below.length} of ${Object.keys(FLOORS).length} packages at their floor; Node ${node}, refused below ${NODE_FLOOR}`,
    pass: faults.length > 0 ? false : found === 0 || undefined,
    note: [...faults, ...(found === undefined ? ["the registry does not answer npm audit"] : [])].join("; "),
  };
}

export const LINES = [
  { id: "S25", title: "Dependencies and floors", bar: "0 high or critical; all floors", quick: judge, full: judge },
];
