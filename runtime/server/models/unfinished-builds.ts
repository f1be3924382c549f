/**
 * A build exchanges several models of a repository one after another, and a file in it says so. Models are read before or after that: a plan of
 * one build would call the models of another.
 */
import { realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { unfinishedExchange, withRepository } from "../../../formats/folders/exchange-models.js";
import { newHolder } from "../../../formats/folders/folder-lock.js";
import type { ServerLog } from "../observe/server-log.js";

/** An exchange takes milliseconds. */
const WAIT_MS = 2000;
const PAUSE_MS = 10;

/** Waits for builds that exchange models, and finishes the exchange of one that ended in the middle. @returns whether none is left */
export async function buildsEnd(repositories: readonly string[], log: ServerLog): Promise<boolean> {
  const ended = await Promise.all(repositories.map(root => buildEnds(root, log)));
  return ended.every(Boolean);
}

async function buildEnds(root: string, log: ServerLog): Promise<boolean> {
  for (const end = performance.now() + WAIT_MS; ; await sleep(PAUSE_MS)) {
    const found = unfinishedExchange(root);
    if (!found) return true;
    if (found.isGone && isFinished(root)) return true;
    if (performance.now() < end) continue;
    log.warning(
      "model_repository_manager",
      `the models of '${root}' are a part of two builds: ${found.by} has not finished. Run \`merlon build\` again.`,
    );
    return false;
  }
}

/** A server that may not write the repository cannot. */
function isFinished(root: string): boolean {
  try {
    withRepository(realpathSync(root), newHolder("merlon serve"), () => {}, { waitMs: 0 });
    return true;
  } catch {
    return false;
  }
}
