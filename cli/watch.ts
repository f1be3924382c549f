/**
 * `--watch`: does a piece of work now and again whenever a file that it depends on changes, until `q`, Ctrl-C or a signal. On a terminal
 * the screen is cleared before each round and a line at its foot says what is watched. The work is synchronous for seconds, so that no
 * handler would run meanwhile. Signals and the terminal are therefore unchanged for that time, and Ctrl-C ends the process at once.
 */

import { type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { wantsColor } from "../contract/wants-color.js";
import { inBackground } from "../runtime/base/in-background.js";

export interface Round {
  /** Files and folders that the outcome depends on; missing ones count when they appear. */
  readonly files: readonly string[];
}

/** Editors save in several steps; one round is enough for all of them. */
const SETTLE_MS = 60;
const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** @param what verb for the line at the foot: "check" */
export function watchFiles(what: string, work: () => Promise<Round>): Promise<void> {
  const terminal = process.stdout.isTTY === true && process.stderr.isTTY === true;
  const keys = terminal && process.stdin.isTTY === true;
  const watchers = new Map<string, FSWatcher>();
  let files: readonly string[] = [];
  let seen = "";
  let running = false;
  let settle: NodeJS.Timeout | undefined;

  const look = (): void => {
    clearTimeout(settle);
    settle = setTimeout(() => {
      if (!running && fingerprint(files) !== seen) inBackground(round(), "a round");
    }, SETTLE_MS);
  };
  const follow = (): void => {
    const folders = new Set(files.map(nearestFolder));
    followFolders(watchers, folders, look);
  };
  const round = async (): Promise<void> => {
    running = true;
    release();
    if (terminal) process.stdout.write("\u001b[2J\u001b[3J\u001b[H");
    const before = fingerprint(files);
    const [known] = [files];
    try {
      ({ files } = await work());
    } catch (error) {
      process.stderr.write(`merlon: ${(error as Error).message}\n`);
    }
    follow();
    // Before the line that invites the next save.
    seen = fingerprint(files);
    running = false;
    // The line may be followed by a key or a signal at once.
    take();
    writeFoot(`Watching ${files.length} files.${keys ? ` Press r to ${what} again, q to quit.` : ""}`, terminal);
    // A file was saved during the work, or while the line was written.
    if (fingerprint(known) !== before || fingerprint(files) !== seen) {
      if (fingerprint(known) !== before) seen = "";
      look();
    }
  };

  let end = (): void => {};
  const stop = (): void => {
    clearTimeout(settle);
    for (const watcher of watchers.values()) watcher.close();
    release();
    process.exitCode = 0;
    end();
  };
  /** Node aborts if it exits by itself without its terminal, so that the signal ends the process. */
  const hangUp = (): void => {
    release();
    process.kill(process.pid, "SIGHUP");
  };
  const press = (typed: Buffer): void => {
    const text = typed.toString();
    // Keys typed during a round arrive as one string.
    if (["q", "\u0003", "\u0004"].some(key => text.includes(key))) stop();
    else if (text.includes("r") && !running) inBackground(round(), "a round");
  };
  const take = (): void => {
    for (const signal of SIGNALS) process.on(signal, stop);
    process.on("SIGHUP", hangUp);
    if (keys) process.stdin.setRawMode(true).on("data", press).resume();
  };
  const release = (): void => {
    for (const signal of SIGNALS) process.off(signal, stop);
    process.off("SIGHUP", hangUp);
    if (keys) process.stdin.setRawMode(false).off("data", press).pause();
  };
  // A terminal that was closed can't be set to its usual mode any more.
  if (keys) process.stdin.on("error", () => {});
  return new Promise(resolve => {
    end = resolve;
    inBackground(round(), "a round");
  });
}

/** Watches these folders alone, with all folders in them. */
function followFolders(watchers: Map<string, FSWatcher>, folders: Set<string>, look: () => void): void {
  for (const [folder, watcher] of watchers)
    if (!folders.delete(folder)) {
      watcher.close();
      watchers.delete(folder);
    }
  for (const folder of folders) {
    // A removed folder ends its watcher with an error; the next round looks for it again.
    const watcher = watch(folder, { recursive: true }, look).on("error", () => watchers.delete(folder));
    watchers.set(folder, watcher);
  }
}

function writeFoot(foot: string, isTerminal: boolean): void {
  const shown = wantsColor(process.stderr) ? `\u001b[2m${foot}\u001b[22m` : foot;
  process.stderr.write(isTerminal ? `\n${shown}\n` : `${foot}\n`);
}

/** The folder itself, or the one a file is in; where that is missing, the nearest above it. */
function nearestFolder(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() ? path : found ? dirname(path) : nearestFolder(dirname(path));
}

/** Changes when a file does. */
const fingerprint = (files: readonly string[]): string => files.map(stamp).join("\n");

function stamp(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return `${path} ${found ? `${found.mtimeMs} ${found.size} ${found.ino}` : "missing"}`;
  return readdirSync(path)
    .sort()
    .map(name => stamp(join(path, name)))
    .join("\n");
}
