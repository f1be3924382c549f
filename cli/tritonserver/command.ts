/**
 * `tritonserver`: Triton's command line, exit codes and signals in front of the same server as `merlon serve`.
 */
import { runServer } from "../run-server.js";
import { usageText } from "./flags.js";
import { UsageError } from "./getopt.js";
import { serveOptions } from "./serve-options.js";

export async function tritonserver(): Promise<void> {
  try {
    const options = serveOptions(
      process.argv.slice(2),
      process.argv[1],
      text => void process.stderr.write(`${text}\n`),
    );
    await runServer(options, false);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${[...error.before, usageText().trimEnd(), ...error.after].join("\n")}\n`);
    process.exit(1);
  }
}
