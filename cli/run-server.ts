/**
 * A server as a process: starts it, ends it by signals, and answers with Triton's exit codes.
 */

import { closeSync, constants, openSync } from "node:fs";
import { lowerHelperThreads } from "../runtime/base/helper-threads.js";
import type { LoadFault } from "../runtime/server/lifecycle/first-load.js";
import type { RunningServer, ServeOptions } from "../runtime/server/lifecycle/server-options.js";

const LABELS: Readonly<Record<string, string>> = {
  INVALID_ARGUMENT: "Invalid argument",
  NOT_FOUND: "Not found",
  UNAVAILABLE: "Unavailable",
  UNSUPPORTED: "Unsupported",
  ALREADY_EXISTS: "Already exists",
};
/** Those that stop Triton. */
const SIGNALS = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
] as const;

interface Failed extends Error {
  readonly code?: string;
  readonly hint?: string;
  readonly failures?: LoadFault["failures"];
}

/** Failed versions that are listed after the error. */
const MOST_LISTED = 20;

function listOf(failures: LoadFault["failures"]): string {
  const lines = failures.slice(0, MOST_LISTED).map(({ name, version, reason = "" }) => {
    const [first] = reason.split("\n");
    return `  ${name}${version === undefined ? "" : ` version ${version}`}: ${first}\n`;
  });
  const more = failures.length - lines.length;
  return lines.join("") + (more > 0 ? `  and ${more} more; the log above has them all.\n` : "");
}

/**
 * @param advise whether an error may say more than Triton's line does, and a closed terminal stops the server as SIGTERM does. SIGHUP without that reads
 *   certificates again
 * @returns when the server runs; the process ends with 1 if it doesn't start
 */
export async function runServer(options: ServeOptions, advise: boolean): Promise<RunningServer> {
  lowerHelperThreads();
  const [{ serve }, { continueOnFaults, inBackground }] = await Promise.all([
    import("../runtime/server/index.js"),
    import("../runtime/base/in-background.js"),
  ]);
  continueOnFaults();
  // A server with every port closed stays too.
  setInterval(() => {}, 2 ** 30);
  // Node opens its debugger's port on this signal; Triton is ended by it. Once the listener is removed the signal has its default effect.
  process.once("SIGUSR1", () => process.kill(process.pid, "SIGUSR1"));
  let running: Promise<RunningServer> | undefined;
  // While models load no inference is in flight, and a signal ends the process at once, as it does Triton's. The first process of a container has to
  // end itself: there no signal does by itself.
  if (process.pid === 1) for (const [signal, number] of SIGNALS) process.once(signal, () => process.exit(128 + number));
  let isEnding = false;
  const end = (number: number): void => {
    process.stdout.write(`Signal (${number}) received.\n`);
    if (isEnding) return;
    isEnding = true;
    running
      ?.then(server => server.stop())
      .then(
        () => process.exit(0),
        // The reason is in the log.
        () => process.exit(1),
      );
  };
  let isLoaded = false;
  const hasClosed = watchTerminal();
  process.on("SIGHUP", () => {
    if (!hasClosed()) {
      process.stdout.write("Signal (1) received: certificates are read again if they have changed.\n");
      running?.then(
        server => inBackground(server.reload(), "reading certificates"),
        () => {},
      );
    } else if (advise && isLoaded) end(1);
    // Triton has no handler of it, and loses its requests.
    else process.exit(128 + 1);
  });
  const onLoaded = (): void => {
    isLoaded = true;
    for (const [signal] of SIGNALS) process.removeAllListeners(signal);
    for (const [signal, number] of SIGNALS) process.on(signal, () => end(number));
  };
  try {
    running = serve({ ...options, onLoaded });
    return await running;
  } catch (error) {
    const { name, code, message, hint, failures } = error as Failed;
    if (name === "ListenError") {
      if (advise && hint) process.stderr.write(`${hint}\n`);
    } else process.stderr.write(`error: creating server: ${LABELS[code ?? ""] ?? "Internal"} - ${message}\n`);
    if (advise && failures) process.stderr.write(listOf(failures));
    process.exit(1);
  }
}

/** Errors for a process without a terminal. */
const NONE: readonly (string | undefined)[] = ["ENXIO", "EIO", "ENOENT"];

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    return !NONE.includes((error as NodeJS.ErrnoException).code);
  }
}

/** @returns whether the process had a terminal at this call, and has it no more */
function watchTerminal(): () => boolean {
  // There the signal has no other cause.
  if (process.platform === "win32") return () => true;
  const had = hasTerminal();
  return () => had && !hasTerminal();
}
