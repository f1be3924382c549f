/**
 * A worker on the side of the control process: the child, the link to it, its ports and connections.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onProcessors, type WorkerPlace } from "./affinity.js";
import { type Answers, type Channel, Link } from "./link.js";
import {
  type ControlCalls,
  type Inventory,
  type NoteToControl,
  type NoteToWorker,
  PROTOCOL,
  type WorkerCalls,
} from "./messages.js";
import type { PortName } from "./worker-options.js";

const PROGRAM = fileURLToPath(new URL("../../../cli/server-worker.js", import.meta.url));

/** `starting`: together with the server. `joining`: it takes the place of one that ended, and has not the models of the others yet. */
export type WorkerState = "starting" | "joining" | "serving" | "stopping" | "gone";

export interface WorkerEvents {
  readonly answers: (worker: WorkerProcess) => Answers<ControlCalls>;
  readonly onNote: (worker: WorkerProcess, note: Exclude<NoteToControl, { readonly note: "hello" | "beat" }>) => void;
  /** @param how it ended, for people */
  readonly onEnd: (worker: WorkerProcess, how: string) => void;
  /** It has ended, and no note of it is left in the channel. */
  readonly onSilent: (worker: WorkerProcess) => void;
}

/** `fork` starts the program with these words in front: `taskset` replaces itself by Node. */
function startedOn(processors: readonly number[]): { readonly execPath: string; readonly execArgv: string[] } {
  const [program, ...words] = onProcessors(processors);
  return { execPath: program, execArgv: [...words, process.execPath, ...process.execArgv] };
}

/** Likely reasons of an end that this process did not cause. */
const LIKELY: Partial<Record<NodeJS.Signals, string>> = {
  SIGABRT: ", as when its heap is full (NODE_OPTIONS=--max-old-space-size=MIB sets the limit)",
  SIGKILL: ", as by the kernel when memory runs out",
};

export class WorkerProcess {
  readonly child: ChildProcess;
  readonly link: Link<ControlCalls, WorkerCalls, NoteToControl, NoteToWorker>;
  /** Ports whose connections it takes. */
  readonly ports = new Set<PortName>();
  /** Open connections by port, those on their way included. */
  readonly open = new Map<PortName, number>();
  /** Id of the last connection that was handed to it: ids grow. */
  lastGiven = 0;
  /** Time of its last message, in milliseconds of `performance.now()`. */
  heard = performance.now();
  readonly started = performance.now();
  /** When it began to serve. */
  served: number | undefined;
  inventory: Inventory | undefined;
  /** It was ended since it was silent. */
  isSilent = false;
  /** The signal that ended it. */
  signal: NodeJS.Signals | undefined;
  readonly ended: Promise<void>;
  #isKilled = false;

  /** @param index its place among the workers @param serial no two processes of a server have the same */
  constructor(
    readonly index: number,
    readonly serial: number,
    public state: WorkerState,
    events: WorkerEvents,
    place: WorkerPlace,
  ) {
    this.child = fork(PROGRAM, [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...place.env },
      ...(place.processors && startedOn(place.processors)),
    });
    this.link = new Link(this.child as unknown as Channel, {
      gone: `a worker of the server (process ${this.child.pid}) has ended`,
      answers: events.answers(this),
      onNote: note => {
        this.heard = performance.now();
        if (note.note === "hello") {
          if (note.protocol !== PROTOCOL) this.kill();
        } else if (note.note !== "beat") events.onNote(this, note);
      },
    });
    this.ended = new Promise(resolve => {
      let isOver = false;
      const end = (how: string): void => {
        if (isOver) return;
        isOver = true;
        this.state = "gone";
        this.link.close();
        resolve();
        events.onEnd(this, how);
      };
      this.child.once("exit", (code, signal) => {
        this.signal = signal ?? undefined;
        end(
          signal === null
            ? `ended with ${code}`
            : `was ended by ${signal}${this.#isKilled ? "" : (LIKELY[signal] ?? "")}`,
        );
      });
      this.child.once("close", () => events.onSilent(this));
      this.child.once("error", error => {
        if (this.child.pid === undefined) end(`could not be started: ${error.message}`);
      });
    });
  }

  get connections(): number {
    let all = 0;
    for (const count of this.open.values()) all += count;
    return all;
  }

  /** At once, whatever it does. It gets no more connections, and a server that stops does not wait for its response. */
  kill(): void {
    if (this.state !== "gone") this.state = "stopping";
    this.#isKilled = true;
    this.child.kill("SIGKILL");
  }

  /** It has stopped, and ends. */
  release(): void {
    this.state = "stopping";
    if (this.child.connected) this.child.disconnect();
  }
}
