/**
 * Looks for changes of the repositories.
 */
import type { Registry } from "../models/registry-types.js";
import type { ServerLog } from "../observe/server-log.js";
import type { OpenOptions } from "./server-options.js";

export interface Polling {
  /** Resolves when no look is under way any more. */
  stop(): Promise<void>;
}

/** Polls the repositories periodically; a poll that takes longer than the period delays the next. */
export function startPolling(
  registry: Registry,
  {
    repositoryPollSeconds: seconds,
    refreshRepositories,
  }: Pick<OpenOptions, "refreshRepositories" | "repositoryPollSeconds">,
  log: ServerLog,
): Polling | undefined {
  if (seconds <= 0) return undefined;
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    try {
      await refreshRepositories();
      await registry.poll();
    } catch (error) {
      // As a folder that is away for a moment: what is loaded is served on, and the next look may find it again.
      log.error("main", `failed to poll model repository: Internal - ${(error as Error).message}`);
    }
    looking = undefined;
  };
  const timer = setInterval(() => {
    looking ??= look();
  }, seconds * 1000);
  return {
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}
