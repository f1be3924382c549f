/**
 * The least versions of Node and of packages whose older releases have known holes that a request or a model file reaches.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { unavailable } from "./errors.js";

/** Releases with the newest fixes of Node's changelogs that a server needs, by line: November 2026 (TLS, HTTP/2), and October's for 26. */
export const NODE_FLOORS: readonly string[] = ["22.23.5", "24.22.3", "26.12.1"];

export const PACKAGE_FLOORS = {
  /** Reading of descriptors, recursion, and keys of maps. */
  protobufjs: "8.6.6",
  /** Refuses external data outside the model's folder. */
  "onnxruntime-node": "1.30.0",
} as const;

const numbers = (version: string): number[] => version.replace(/^v/, "").split(/[.-]/, 3).map(Number);

export function isBelow(version: string, floor: string): boolean {
  const [given, least] = [numbers(version), numbers(floor)];
  for (const [i, number] of least.entries()) if (given[i] !== number) return !(given[i]! > number);
  return false;
}

/** Whether a Node gets security fixes, and has those that a server needs. Odd lines end after half a year. */
export function isPatchedNode(version: string): boolean {
  const [major = 0] = numbers(version);
  const floor = NODE_FLOORS.find(one => numbers(one)[0] === major);
  if (floor !== undefined) return !isBelow(version, floor);
  return major % 2 === 0 && major > Math.max(...NODE_FLOORS.map(one => numbers(one)[0]!));
}

const checked = new Set<string>();

/** @throws RuntimeFault if the installed package is older than its floor; a missing one is the importer's fault to report */
export function requireFloor(name: keyof typeof PACKAGE_FLOORS): void {
  if (checked.has(name)) return;
  const floor = PACKAGE_FLOORS[name];
  const version = installedVersion(name);
  if (version !== undefined && isBelow(version, floor))
    throw unavailable(
      `${name} ${version} has known vulnerabilities; install ${floor} or newer: \`npm install ${name}@^${floor} --ignore-scripts\``,
    );
  checked.add(name);
}

/** @returns undefined where it is not installed */
export function installedVersion(name: string): string | undefined {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  } catch {
    return undefined;
  }
}
