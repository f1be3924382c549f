// Lines of code by room: product, tests and generated files, of the working tree or of a commit.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeLines, isCode } from "./code-lines.mjs";

const DATA = /^(tests\/(fixtures|conformance\/data|samples)|model-repo)\/|(^|\/)package-lock\.json$/;
const GENERATED = /\/gen\/|diagnostics\/messages\.ts$/;

const git = (root, ...args) => execFileSync("git", args, { cwd: root, maxBuffer: 2 ** 30 });
const linesOf = output => output.toString().split("\n").filter(Boolean);

/** Path → text of the files of code in the working tree; new files that git does not ignore count. */
function workingTree(root) {
  const paths = linesOf(git(root, "ls-files", "--cached", "--others", "--exclude-standard")).filter(
    path => isCode(path) && !DATA.test(path) && existsSync(join(root, path)),
  );
  return new Map(paths.map(path => [path, readFileSync(join(root, path), "utf8")]));
}

/** The same of a commit. */
function treeOf(root, commit) {
  const found = new Map();
  for (const row of linesOf(git(root, "ls-tree", "-r", commit))) {
    const [about, path] = row.split("\t");
    const [, type, id] = about.split(" ");
    if (type === "blob" && isCode(path) && !DATA.test(path)) found.set(path, id);
  }
  const input = [...found.values()].join("\n");
  const output = execFileSync("git", ["cat-file", "--batch"], { cwd: root, input, maxBuffer: 2 ** 30 });
  let at = 0;
  return new Map(
    [...found.keys()].map(path => {
      const end = output.indexOf(10, at);
      const size = Number(output.subarray(at, end).toString().split(" ")[2]);
      at = end + 1 + size + 1;
      return [path, output.toString("utf8", end + 1, end + 1 + size)];
    }),
  );
}

/** A folder of the top level; in `runtime`, one of its folders. Tests count for the room whose folders they mirror. */
function roomOf(path) {
  const parts = path
    .replace(/^tests\/(?=(cli|compiler|contract|formats|operators|runtime|triton-protos|examples|lab)\/)/, "")
    .split("/");
  if (parts.length === 1) return "(top)";
  return parts.slice(0, parts[0] === "runtime" ? 2 : 1).join("/");
}

const kindOf = path =>
  GENERATED.test(path) ? "generated" : /(^|\/)tests\/|\.test\.ts$/.test(path) ? "tests" : "product";

/**
 * Counts a tree.
 * @param root a checkout @param commit of it; absent: its working tree
 * @returns room → `{ product, tests, generated }`
 */
export function countRooms(root, commit) {
  const rooms = new Map();
  for (const [path, text] of commit ? treeOf(root, commit) : workingTree(root)) {
    const room = roomOf(path);
    const counts = rooms.get(room) ?? { product: 0, tests: 0, generated: 0 };
    counts[kindOf(path)] += codeLines(path, text);
    rooms.set(room, counts);
  }
  return rooms;
}

const KINDS = ["product", "tests", "generated"];

/** Rows of text: a room each with its counts, their change since `before`, and the sum last. */
export function roomRows(rooms, before) {
  const total = of => KINDS.map(kind => [kind, [...of.values()].reduce((sum, counts) => sum + counts[kind], 0)]);
  const named = [...new Set([...rooms.keys(), ...(before?.keys() ?? [])])].sort();
  const rows = [
    ...named.map(room => [room, rooms.get(room), before?.get(room)]),
    ["all", Object.fromEntries(total(rooms)), before && Object.fromEntries(total(before))],
  ];
  const cell = (now = 0, then = 0) =>
    `${now}`.padStart(10) +
    (before && now !== then ? `${now > then ? "+" : ""}${now - then}` : "").padStart(before ? 8 : 0);
  const width = Math.max(...rows.map(([room]) => room.length));
  const head = KINDS.map(kind => kind.padStart(10) + "".padStart(before ? 8 : 0));
  return [
    ["", head],
    ...rows.map(([room, now, then]) => [room, KINDS.map(kind => cell(now?.[kind], then?.[kind]))]),
  ].map(([room, cells]) => (room.padEnd(width) + cells.join("")).trimEnd());
}
