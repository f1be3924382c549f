/**
 * Servers and repositories for the tests of this folder.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { serve } from "#runtime/server/index.js";
import { WORKERS } from "../../run/workers.js";

const golden = new URL("../../conformance/data/protocol/models/", import.meta.url).pathname;

/** A fresh repository: copies of fixture models, and files by path. */
export function repository(models: readonly string[], files: Readonly<Record<string, string | Buffer>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "merlon-repository-"));
  for (const model of models) cpSync(join(golden, model), join(folder, model), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

export type Options = Partial<Parameters<typeof serve>[0]>;

/** A log line of several, if it holds line breaks, begins with a time as the others do. */
const LINE = /^(?=[IWE]\d{4} )/m;

/** A server on free ports of the loopback address; `log` has its lines. Several workers write them to a file. */
export async function startServer(modelRepository: string, options: Options = {}) {
  const log: string[] = [];
  const { workers = WORKERS } = options;
  const isOne = workers === 1;
  const logFile = isOne ? undefined : join(mkdtempSync(join(tmpdir(), "merlon-log-")), "server.log");
  const loopback = { port: 0, address: "127.0.0.1" };
  const server = await serve({
    modelRepositories: [modelRepository],
    http: loopback,
    grpc: loopback,
    metrics: loopback,
    ...(logFile === undefined ? { writeLog: (text: string) => log.push(text) } : { logFile }),
    ...options,
    workers,
  });
  const http = `http://127.0.0.1:${server.ports.http}`;
  const json = async (path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(http + path, init);
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : "" };
  };
  return {
    ...server,
    http,
    get log(): readonly string[] {
      if (logFile === undefined || !existsSync(logFile)) return log;
      return readFileSync(logFile, "utf8").split(LINE).filter(Boolean);
    },
    json,
    post: (path: string, body: unknown) => json(path, { method: "POST", body: JSON.stringify(body) }),
  };
}
