#!/usr/bin/env node
/**
 * `tritonserver`: Triton's command line, exit codes and signals in front of the same server as `merlon serve`.
 */
import type { RunningServer } from "../runtime/server-options.js";
import { usageText } from "./tritonserver/flags.js";
import { UsageError } from "./tritonserver/getopt.js";
import { serveOptions } from "./tritonserver/serve-options.js";

const LABELS: Readonly<Record<string, string>> = {
  INVALID_ARGUMENT: "Invalid argument",
  NOT_FOUND: "Not found",
  UNAVAILABLE: "Unavailable",
};

const fail = (text: string): never => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

async function main(): Promise<void> {
  const options = readOptions();
  const { serve } = await import("../runtime/index.js");
  let server: RunningServer;
  try {
    server = await serve(options);
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return fail(
      name === "ListenError"
        ? `error: ${message}`
        : `error: creating server: ${LABELS[code ?? ""] ?? "Internal"} - ${message}`,
    );
  }
  const patience = (options.exitTimeoutSeconds ?? 30) * 1000;
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.on(signal, () => {
      process.stdout.write(`Signal (${number}) received.\n`);
      setTimeout(() => fail("failed to stop server: Internal - Exit timeout expired. Exiting immediately."), patience);
      server.stop().then(
        () => process.exit(0),
        error => fail(`error: stopping server: ${(error as Error).message}`),
      );
    });
}

function readOptions() {
  try {
    return serveOptions(process.argv.slice(2), process.argv[1], text => void process.stderr.write(`${text}\n`));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const lines = [...error.before, usageText().trimEnd(), ...error.after];
    return fail(lines.join("\n"));
  }
}

await main();
