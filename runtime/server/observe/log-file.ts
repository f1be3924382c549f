/**
 * A log in a file: its name → a writer of lines. A file that can't be opened leaves the log unchanged, as in Triton, and silently unless
 * hints are enabled.
 */
import { closeSync, openSync, writeSync } from "node:fs";

type Write = (text: string, stream: "stdout" | "stderr") => void;

export function logWriter(file: string, hints: boolean, otherwise?: Write): Write {
  const toStreams: Write = otherwise ?? ((text, stream) => void process[stream].write(text));
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "a");
  } catch (error) {
    if (hints)
      process.stderr.write(
        `warning: --log-file '${file}' can't be opened, so the log stays here: ${(error as Error).message}\n`,
      );
    return toStreams;
  }
  return (text, stream) => {
    if (descriptor === undefined) return toStreams(text, stream);
    try {
      writeSync(descriptor, text);
    } catch {
      // A full disk must not end the server.
      closeSync(descriptor);
      descriptor = undefined;
      toStreams(text, stream);
    }
  };
}
