/**
 * The call that adds and removes faults while a server runs. It has a port of its own, on the loopback address only, and must be enabled.
 *
 *   GET    /faults        → [{ id, fault, hits }]
 *   POST   /faults        a fault as JSON, or { "fault": "ranker:error,rate=0.1" } → { id }
 *   DELETE /faults/ID     takes one away; DELETE /faults all
 */

import { createServer, type IncomingMessage } from "node:http";
import { invalid, RuntimeFault } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { type BrowserHeaders, isForeignPage } from "../transport/http/browser-access.js";
import { ListenError, type Listener, listen } from "../transport/listen.js";
import { type CheckedFault, checkFault, type Fault, parseFault } from "./fault.js";
import type { ActiveFault } from "./fault-set.js";

interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

type Later<T> = T | Promise<T>;

/** The faults of a server: of one process, or the same in all its workers. */
export interface AdminFaults {
  list(): Later<readonly ActiveFault[]>;
  add(fault: CheckedFault): Later<number>;
  remove(id: number): Later<boolean>;
  clear(): Later<void>;
}

const MAX_BODY = 2 ** 16;

/** @param check refuses faults that would hit nothing @throws ListenError */
export function serveFaultAdmin(
  port: number,
  faults: AdminFaults,
  check: (faults: readonly CheckedFault[]) => Promise<void>,
): Promise<Listener> {
  const server = createServer((request, response) => {
    const replied = answer(request, faults, check)
      .catch(
        (error): Reply => ({
          status: 400,
          body: { error: RuntimeFault.from(error, (error as Error).message).message },
        }),
      )
      .then(({ status, body }) => {
        response.writeHead(status, { "Content-Type": "application/json" });
        response.end(body === undefined ? "" : JSON.stringify(body));
      });
    inBackground(replied, "answering about faults");
  });
  const listening = listen(server, { address: "127.0.0.1", port }, async () => {
    server.closeAllConnections();
  });
  return listening.catch(error => {
    throw error instanceof ListenError
      ? new ListenError(error.message, `fault admin: ${error.hint}`, error.taken, { cause: error })
      : error;
  });
}

async function answer(
  request: IncomingMessage,
  faults: AdminFaults,
  check: (faults: readonly CheckedFault[]) => Promise<void>,
): Promise<Reply> {
  // A page in a browser can name another host for this address; it can't choose this header.
  if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? ""))
    return { status: 403, body: { error: "this call is for the machine itself" } };
  if (isForeignPage(request.headers as BrowserHeaders))
    return { status: 403, body: { error: "requests of web pages are refused" } };
  const place = /^\/faults(?:\/(\d{1,15}))?$/.exec(request.url ?? "");
  if (!place) return { status: 404, body: { error: "there is /faults, and /faults/ID with the number of a fault" } };
  const [, id] = place;
  if (id !== undefined && request.method !== "DELETE") return { status: 405, body: { error: "DELETE" } };
  switch (request.method) {
    case "GET":
      return { status: 200, body: await faults.list() };
    case "POST": {
      if (!request.headers["content-type"]?.startsWith("application/json"))
        return { status: 415, body: { error: "send the fault as application/json" } };
      const fault = readFault(await readText(request));
      const checked = typeof fault === "string" ? parseFault(fault) : checkFault(fault);
      await check([checked]);
      return { status: 200, body: { id: await faults.add(checked) } };
    }
    case "DELETE":
      if (id === undefined) await faults.clear();
      else if (!(await faults.remove(Number(id)))) return { status: 404, body: { error: `there is no fault ${id}` } };
      return { status: 200, body: await faults.list() };
    default:
      return { status: 405, body: { error: "GET, POST or DELETE" } };
  }
}

function readFault(text: string): Fault | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(`the body is not JSON: ${(error as Error).message}`);
  }
  const short = typeof json === "object" && json !== null && "fault" in json ? json.fault : undefined;
  return typeof short === "string" ? short : (json as Fault);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw invalid(`a fault has at most ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
