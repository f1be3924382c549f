/**
 * A thread that does not end → its stack, read by its debugger.
 */
import { Session } from "node:inspector";
import type { Worker } from "node:worker_threads";

interface Frame {
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber: number };
}

/** A message from a thread's debugger: an event, or the reply to a request. */
interface DebuggerMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly scriptId: string; readonly url: string; readonly callFrames: readonly Frame[] };
}

/** Milliseconds for a thread that has answered before, on however busy a machine. */
const PATIENCE = 30_000;

/**
 * Lines like those of an error's stack; empty if the thread's debugger does not answer, or the thread is idle.
 *
 * A thread that pauses after its session has ended never resumes, and one that is terminated while it is paused may end the process. So a pause is
 * requested only after the thread has answered, and a pause that does not happen is taken back before the session ends.
 * @param waitMs milliseconds for each of the two
 */
export async function workerStack(worker: Worker, waitMs = 500): Promise<string> {
  const session = new Session();
  try {
    session.connect();
    const thread = debugged(session, worker);
    if (!(await within(waitMs, thread.send("Debugger.enable")))) return "";
    inTurn(thread.send("Debugger.pause"));
    const frames = await within(waitMs, thread.paused);
    if (frames) inTurn(thread.send("Debugger.resume"));
    await within(PATIENCE, thread.send("Debugger.disable"));
    return (frames ?? []).join("\n");
  } catch {
    return "";
  } finally {
    session.disconnect();
  }
}

interface Debugged {
  /** Resolves to true when the thread has replied. */
  send(method: string): Promise<true>;
  /** The stack at which the thread pauses; a late pause is ended by `Debugger.disable`. */
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
    const { id, method, params } = JSON.parse(message) as DebuggerMessage;
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
    async send(method) {
      const sessionId = await enabled;
      const id = ++last;
      const replied = new Promise<true>(done => replies.set(id, () => done(true)));
      session.post("NodeWorker.sendMessageToWorker", { sessionId, message: JSON.stringify({ id, method }) });
      return replied;
    },
  };
}

/** Its reply is not waited for: the next message is read after it. */
const inTurn = (sent: Promise<true>): void => {
  sent.catch(() => {});
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
