/**
 * `merlon` with all its commands; each command loads what it needs when it runs.
 */

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { packageFault } from "../runtime/base/missing-package.js";
import { commands } from "./commands.js";

/** The exit code after SIGPIPE. */
const BROKEN_PIPE = 128 + 13;

/** Ends the command quietly when the reader of its output closes the pipe (`| head`), with the exit code of SIGPIPE. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on("error", error => {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    process.exit(BROKEN_PIPE);
  });
}

/** `merlon` with its commands, which are not run. */
export function createProgram(version: string): Command {
  const program = new Command("merlon")
    .description("Recommenders in TypeScript: write, compile to a Triton model repository, serve.")
    .version(version)
    // Read before commander, since it may follow the command.
    .option("--no-color", "print without colors (also NO_COLOR; FORCE_COLOR forces them)")
    .addHelpText(
      "after",
      `
The usual way through:
  $ merlon fit ranking.workflow.ts --data 'events/*.parquet' --out etl/ranking
  $ merlon transform etl/ranking --data 'events/*.parquet' --out train.parquet
  $ merlon index build --data embeddings.parquet --id item_id --embedding embedding --out index/items.faiss
  $ merlon check recommend.ensemble.ts
  $ merlon build recommend.ensemble.ts --out model-repo
  $ merlon serve --model-repository model-repo`,
    );
  for (const command of commands()) program.addCommand(command);
  sayAlike(program);
  return program;
}

/** Mistakes in the words of any command begin as all errors do, and end with the way to its help. */
function sayAlike(command: Command): void {
  command
    .showHelpAfterError("(add --help for its arguments and options)")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "merlon: ")) });
  for (const one of command.commands) sayAlike(one);
}

export async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  const program = createProgram(version);
  // Without pending work the process would end with exit code 0.
  const unsettled = (): void => {
    process.stderr.write(
      `merlon: the process ended before the command was done, because a result that it waited for never arrived. Nothing can be said about its result; this is a fault of merlon.\n`,
    );
    process.exitCode = 1;
  };
  process.once("beforeExit", unsettled);
  endWithReader(process.stdout);
  endWithReader(process.stderr);
  try {
    await program.parseAsync();
  } catch (error) {
    process.stderr.write(`merlon: ${failureText(error)}\n`);
    process.exitCode = 1;
  } finally {
    process.off("beforeExit", unsettled);
  }
}

const NO_ROOM = /\b(ENOSPC|EDQUOT|EFBIG)\b|No space left on device|Disk quota exceeded|File too large/;

/**
 * An error that ends a command → the message that is printed. A full disk (an error of Node's, DuckDB's or FAISS's) and a package whose
 * native part is missing have messages with a fix.
 */
function failureText(error: unknown): string {
  const message = packageFault(error) ?? (error as Error).message;
  return NO_ROOM.test(message)
    ? `${message.replace(/\.$/, "")}. There is no space to write: free some, or write to another folder with \`--out\`, or TMPDIR for temporary files.`
    : message;
}
