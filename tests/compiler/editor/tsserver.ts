/**
 * A live tsserver and a project folder in which `merlon` resolves as it does for its users: a node_modules folder, a tsconfig with the plugin.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");

export interface Editor {
  readonly folder: string;
  /** Writes a file and opens it; answers its path. */
  open(name: string, text: string): string;
  /** Replaces the text of an open file, as typing does. */
  type(file: string, text: string): void;
  /** Replaces a range of an open file. */
  change(file: string, change: { readonly start: Place; readonly end: Place; readonly newText: string }): void;
  ask<T>(command: string, request: object): Promise<T>;
  close(): Promise<void>;
}

export interface Place {
  readonly line: number;
  readonly offset: number;
}

/** Line and offset, from 1, of a mark in a text. */
export function placeOf(text: string, mark: string, plus = 0): Place {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`no ${mark} in ${text}`);
  const before = text.slice(0, at + plus).split("\n");
  return { line: before.length, offset: before.at(-1)!.length + 1 };
}

/** A fresh project with the samples' artefacts. */
export function projectFolder(tsconfig: object): { readonly folder: string; readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "merlon-editor-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules", "merlon"));
  cpSync(join(ROOT, "tests", "samples", "artefacts"), join(folder, "artefacts"), { recursive: true });
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Starts tsserver on a fresh project. */
export function startEditor(tsconfig: object = DEFAULT_CONFIG): Editor {
  const { folder, remove } = projectFolder(tsconfig);
  const server = spawn(
    process.execPath,
    [
      join(dirname(createRequire(import.meta.url).resolve("typescript")), "tsserver.js"),
      "--disableAutomaticTypingAcquisition",
      "--allowLocalPluginLoads",
    ],
    { cwd: folder, stdio: ["pipe", "pipe", "inherit"] },
  );
  const waiting = new Map<number, { done: (body: unknown) => void; fail: (error: Error) => void }>();
  let sequence = 0;
  let received = Buffer.alloc(0);
  server.stdout.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const header = /^Content-Length: (\d+)\r\n\r\n/.exec(received.subarray(0, 64).toString("latin1"));
      const end = header ? header[0].length + Number(header[1]) : Number.POSITIVE_INFINITY;
      if (received.length < end) return;
      const message = JSON.parse(received.subarray(header![0].length, end).toString("utf8"));
      received = received.subarray(end);
      const asked = message.type === "response" ? waiting.get(message.request_seq) : undefined;
      if (!asked) continue;
      waiting.delete(message.request_seq);
      if (message.success || message.message === "No content available.") asked.done(message.body);
      else asked.fail(new Error(message.message));
    }
  });
  server.on("exit", () => {
    for (const { fail } of waiting.values()) fail(new Error("tsserver ended"));
  });
  const send = (command: string, request: object): number => {
    server.stdin.write(`${JSON.stringify({ seq: ++sequence, type: "request", command, arguments: request })}\n`);
    return sequence;
  };
  const change: Editor["change"] = (fileName, textChange) => {
    const changedFiles = [{ fileName, textChanges: [textChange] }];
    send("updateOpen", { openFiles: [], closedFiles: [], changedFiles });
  };
  return {
    folder,
    open(name, text) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      send("open", { file, fileContent: text, scriptKindName: "TS", projectRootPath: folder });
      return file;
    },
    type: (file, newText) =>
      change(file, { start: { line: 1, offset: 1 }, end: { line: 100_000, offset: 1 }, newText }),
    change,
    ask: <T>(command: string, request: object) =>
      new Promise<T>((done, fail) => waiting.set(send(command, request), { done: body => done(body as T), fail })),
    async close() {
      const ended = new Promise(done => server.once("exit", done));
      server.stdin.end();
      server.kill();
      await ended;
      remove();
    },
  };
}

export const DEFAULT_CONFIG = {
  compilerOptions: {
    target: "es2022",
    module: "nodenext",
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: true,
    plugins: [{ name: "merlon" }],
  },
  include: ["**/*"],
};
