/**
 * The known differences: JSON files of reasons, each with the records it explains; read, compared with a run, and brought up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { ROOT } from "./root.js";
import type { Outcome } from "./run-group.js";

const FILE = new URL("tests/conformance/known-differences.json", ROOT);
/** More of them, of servers with several workers. */
const WORKERS_FILE = new URL("tests/conformance/known-with-workers.json", ROOT);
/** The group of a new difference for `--update-known`, until a person has examined it. */
const UNSORTED = "not looked at yet";

/** Record → why its answer differs. */
export type Known = ReadonlyMap<string, string>;

/** @param workers number of processes of the server */
export function readKnown(workers = 1): Known {
  return new Map([...readFile(FILE), ...(workers > 1 ? readFile(WORKERS_FILE) : [])]);
}

function readFile(file: URL): Known {
  const reasons = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, readonly string[]>>;
  return new Map(
    Object.entries(reasons).flatMap(([reason, lines]) =>
      lines.flatMap(line => {
        const [group, ...numbers] = line.split(" ");
        return numbers.map(number => [`${group}/${number}`, reason] as const);
      }),
    ),
  );
}

/** Unlisted differences, and listed ones that no longer occur. */
export function surprises(
  outcomes: readonly Outcome[],
  known: Known,
): { readonly fresh: Outcome[]; readonly gone: string[] } {
  return {
    fresh: outcomes.filter(({ id, differences }) => differences.length > 0 && !known.has(id)),
    gone: outcomes.flatMap(({ id, differences }) => (differences.length === 0 && known.has(id) ? [id] : [])),
  };
}

/** Drops what has become equal, adds what differs; records of groups that did not run stay. */
export function updateKnown(outcomes: readonly Outcome[], known: Known): Known {
  const next = new Map(known);
  const { fresh, gone } = surprises(outcomes, known);
  for (const id of gone) next.delete(id);
  for (const { id } of fresh) next.set(id, UNSORTED);
  const reasons: Record<string, string[]> = {};
  for (const reason of [...new Set(next.values())].sort()) {
    const ids = [...next].filter(([, why]) => why === reason).map(([id]) => id);
    reasons[reason] = [...byGroup(ids.sort())].map(
      ([group, found]) => `${group} ${found.map(id => id.split("/")[1]).join(" ")}`,
    );
  }
  writeFileSync(FILE, `${JSON.stringify(reasons, undefined, 2)}\n`);
  return next;
}

function byGroup(ids: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const group = id.split("/")[0]!;
    groups.set(group, [...(groups.get(group) ?? []), id]);
  }
  return groups;
}
