/**
 * A thread that does not come to an end → the stack of what it is doing, as its debugger sees it.
 */
import { Session } from "node:inspector";
import type { Worker } from "node:worker_threads";

interface Frame {
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

/** What a thread says to its debugger: an event, or the reply to a message. */
interface Said {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly scriptId: string; readonly url: string; readonly callFrames: readonly Frame[] };
}

/** Milliseconds for a thread that has answered before, on however busy a machine. */
const PATIENCE = 30_000;

/**
 * Lines like those of an error's stack; empty where the thread cannot be asked, or does nothing.
 *
 * A thread that pauses when its session has gone is never let go on, and one that is terminated while it pauses may end the process. So nothing
 * asks for a pause before the thread has shown that it listens, and a pause that doesn't come is taken back before the session ends.
 * @param waitMs milliseconds for each of the two
 */
export async function whereBusy(worker: Worker, waitMs = 500): Promise<string> {
  const session = new Session();
  try {
    session.connect();
    const thread = debugged(session, worker);
    if (!(await within(waitMs, thread.ask("Debugger.enable")))) return "";
    inTurn(thread.ask("Debugger.pause"));
    const frames = await within(waitMs, thread.paused);
    if (frames) inTurn(thread.ask("Debugger.resume"));
    await within(PATIENCE, thread.ask("Debugger.disable"));
    return (frames ?? []).join("\n");
  } catch {
    return "";
  } finally {
    session.disconnect();
  }
}

interface Debugged {
  /** Resolves to true when the thread has replied. */
  ask(method: string): Promise<true>;
  /** The stack where the thread pauses; a pause that comes late is ended by `Debugger.disable`. */
  readonly paused: Promise<readonly string[]>;
}

function debugged(session: Session, worker: Worker): Debugged {
  const replies = new Map<number, () => void>();
  const scripts = new Map<string, string>();
  let last = 0;
  let attach = (_sessionId: string): void => {};
  let pause = (_stack: readonly string[]): void => {};
  const attached = new Promise<string>(done => {
    attach = done;
  });
  const paused = new Promise<readonly string[]>(done => {
    pause = done;
  });
  session.on("NodeWorker.attachedToWorker", ({ params }) => {
    // The id is the session's; the title names the thread.
    if (params.workerInfo.title.startsWith(`[worker ${worker.threadId}]`)) attach(params.sessionId);
  });
  const receive = (sessionId: string, { sessionId: from, message }: { sessionId: string; message: string }): void => {
    if (from !== sessionId) return;
    const { id, method, params } = JSON.parse(message) as Said;
    if (id !== undefined) replies.get(id)?.();
    // A frame names its script by number alone.
    if (method === "Debugger.scriptParsed") scripts.set(params!.scriptId, params!.url);
    if (method !== "Debugger.paused") return;
    const line = ({ location: { scriptId, lineNumber, columnNumber } }: Frame): string =>
      `    at ${scripts.get(scriptId)}:${lineNumber + 1}:${columnNumber + 1}`;
    pause((params?.callFrames ?? []).map(line));
  };
  const enabled = new Promise<string>((done, fail) => {
    session.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, error => {
      if (error) fail(error);
    });
    attached.then(sessionId => {
      session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => receive(sessionId, params));
      done(sessionId);
    }, fail);
  });
  return {
    paused,
    async ask(method) {
      const sessionId = await enabled;
      const id = ++last;
      const replied = new Promise<true>(done => replies.set(id, () => done(true)));
      session.post("NodeWorker.sendMessageToWorker", { sessionId, message: JSON.stringify({ id, method }) });
      return replied;
    },
  };
}

/** Its reply is not waited for: the next message is read after it. */
const inTurn = (asked: Promise<true>): void => {
  asked.catch(() => {});
};

/** The result, or undefined where it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(done => {
    timer = setTimeout(() => done(undefined), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
