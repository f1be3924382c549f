/**
 * TypeScript 7's language server over stdio, on a project folder in which `merlon` resolves as it does for its users.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectFolder } from "./tsserver.js";

export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface NativeEditor {
  readonly folder: string;
  /** Writes a file and opens it; answers its URI. */
  open(name: string, text: string): string;
  /** Replaces the text of an open file, as typing does. */
  type(uri: string, text: string): void;
  /** Replaces a range of an open file. */
  change(uri: string, change: { readonly range: { start: Position; end: Position }; readonly text: string }): void;
  ask<T>(method: string, params: object): Promise<T>;
  close(): Promise<void>;
}

const DYNAMIC = { dynamicRegistration: true };
/** VS Code's capabilities: mappers register their file extension. */
const CAPABILITIES = {
  textDocument: Object.fromEntries(
    [
      "synchronization",
      "completion",
      "hover",
      "definition",
      "implementation",
      "references",
      "rename",
      "diagnostic",
    ].map(name => [name, DYNAMIC]),
  ),
  workspace: { configuration: true, didChangeWatchedFiles: DYNAMIC },
};

/** @param typescript folder of the package */
export async function startNativeEditor(typescript: string, tsconfig: object, trusts = true): Promise<NativeEditor> {
  const { folder, remove } = projectFolder(tsconfig);
  const server = spawn(process.execPath, [join(typescript, "bin", "tsc"), "--lsp", "--stdio"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const waiting = new Map<number, { done: (body: unknown) => void; fail: (error: Error) => void }>();
  const versions = new Map<string, number>();
  const ended = new Promise<void>(done => server.once("exit", () => done()));
  // A server that has ended closes its end.
  server.stdin.on("error", () => {});
  let sequence = 0;
  let received = Buffer.alloc(0);
  const write = (message: object): void => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    server.stdin.write(Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]));
  };
  const ask = <T>(method: string, params: object): Promise<T> =>
    new Promise<T>((done, fail) => {
      if (server.exitCode !== null) return fail(new Error("the language server has ended"));
      const id = ++sequence;
      waiting.set(id, { done: body => done(body as T), fail });
      write({ id, method, params });
    });
  server.stdout.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(received.subarray(0, end).toString("latin1"))![1]);
      if (received.length < end + 4 + length) return;
      const message = JSON.parse(received.subarray(end + 4, end + 4 + length).toString("utf8"));
      received = received.subarray(end + 4 + length);
      if (message.method !== undefined) {
        if (message.id === undefined) continue;
        const items = message.params?.items as readonly unknown[] | undefined;
        write({ id: message.id, result: items ? items.map(() => null) : null });
        continue;
      }
      const asked = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) asked?.fail(new Error(message.error.message));
      else asked?.done(message.result);
    }
  });
  server.on("exit", () => {
    for (const { fail } of waiting.values()) fail(new Error("the language server ended"));
  });
  const rootUri = pathToFileURL(folder).href;
  await ask("initialize", {
    processId: process.pid,
    rootUri,
    workspaceFolders: [{ uri: rootUri, name: "project" }],
    capabilities: CAPABILITIES,
    initializationOptions: { runExternalCode: trusts },
  });
  write({ method: "initialized", params: {} });
  const change = (uri: string, contentChange: object): void => {
    const version = versions.get(uri)! + 1;
    versions.set(uri, version);
    write({
      method: "textDocument/didChange",
      params: { textDocument: { uri, version }, contentChanges: [contentChange] },
    });
  };
  return {
    folder,
    open(name, text) {
      const file = join(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      const uri = pathToFileURL(file).href;
      const languageId = name.endsWith(".ts") ? "typescript" : "merlon";
      versions.set(uri, 1);
      write({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId, version: 1, text } } });
      return uri;
    },
    type: (uri, text) => change(uri, { text }),
    change,
    ask,
    async close() {
      server.stdin.end();
      server.kill();
      await ended;
      remove();
    },
  };
}
