/**
 * A thread that does not come to an end → the stack of what it is doing, as its debugger sees it.
 */
import { Session } from "node:inspector";
import type { Worker } from "node:worker_threads";

interface Frame {
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

/** Lines like those of an error's stack; empty where the thread cannot be asked. */
export async function whereBusy(worker: Worker, waitMs = 500): Promise<string> {
  const session = new Session();
  try {
    session.connect();
    const stack = await Promise.race([
      pause(session, worker),
      new Promise<string>(done => setTimeout(done, waitMs, "")),
    ]);
    return stack;
  } catch {
    return "";
  } finally {
    // Lets the thread go on, so that it can be terminated.
    session.disconnect();
  }
}

function pause(session: Session, worker: Worker): Promise<string> {
  return new Promise((done, fail) => {
    let sessionId: string | undefined;
    const scripts = new Map<string, string>();
    const send = (id: number, method: string) =>
      session.post("NodeWorker.sendMessageToWorker", {
        sessionId: sessionId!,
        message: JSON.stringify({ id, method }),
      });
    session.on("NodeWorker.attachedToWorker", ({ params }) => {
      // The id is the session's; the title names the thread.
      if (!new RegExp(`^\\[worker ${worker.threadId}\\]`).test(params.workerInfo.title)) return;
      sessionId = params.sessionId;
      send(1, "Debugger.enable");
      send(2, "Debugger.pause");
    });
    session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => {
      const { method, params: given } = JSON.parse(params.message) as {
        readonly method?: string;
        readonly params?: { readonly scriptId: string; readonly url: string; readonly callFrames: readonly Frame[] };
      };
      if (params.sessionId !== sessionId) return;
      // A frame names its script by number alone.
      if (method === "Debugger.scriptParsed") scripts.set(given!.scriptId, given!.url);
      if (method !== "Debugger.paused") return;
      send(3, "Debugger.resume");
      send(4, "Debugger.disable");
      done(
        (given?.callFrames ?? [])
          .map(
            ({ location }) =>
              `    at ${scripts.get(location.scriptId)}:${location.lineNumber + 1}:${location.columnNumber + 1}`,
          )
          .join("\n"),
      );
    });
    session.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, error => {
      if (error) fail(error);
    });
  });
}
