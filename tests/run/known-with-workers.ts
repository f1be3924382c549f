/** Skips, with its reason, each test whose outcome differs by design if the servers under test have several workers. */
import { relative } from "node:path";
import { beforeEach } from "vitest";
import { ROOT } from "./graph.mjs";
import known from "./known-with-workers.json" with { type: "json" };
import { WORKERS } from "./workers.js";

const REASONS = new Map(
  Object.entries(known).flatMap(([reason, tests]) => (tests as readonly string[]).map(test => [test, reason] as const)),
);

if (WORKERS > 1)
  beforeEach(({ task, skip }) => {
    const reason = REASONS.get(`${relative(ROOT, task.file.filepath)}: ${task.name}`);
    if (reason !== undefined) skip(reason);
  });
