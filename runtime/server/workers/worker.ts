/**
 * A worker: a server that gets its connections, settings and changes of models from the control process. It ends with that process.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { LogSettingsRequest_SettingValue } from "../../../triton-protos/gen/messages.js";
import { unavailable } from "../../base/errors.js";
import { lowerHelperThreads } from "../../base/helper-threads.js";
import { continueOnFaults, inBackground } from "../../base/in-background.js";
import { isolate, keepMarksIn } from "../../base/native-marks.js";
import { LoadFault } from "../lifecycle/first-load.js";
import { serveHere } from "../lifecycle/server.js";
import type { RunningServer } from "../lifecycle/server-options.js";
import type { OwnParts, WorkerSide } from "../lifecycle/worker-side.js";
import { loadAllocator } from "../memory/allocator.js";
import type { Agreement, Damage, Outcome } from "../models/agreement.js";
import { SharedArms } from "../scheduling/shared-arms.js";
import { adoptConnections } from "./adopted-connections.js";
import { endWithParent } from "./end-with-parent.js";
import { type Answers, Link } from "./link.js";
import {
  type Change,
  type ControlCalls,
  type Inventory,
  type NoteToControl,
  type NoteToWorker,
  PROTOCOL,
  type Setting,
  type WorkerCalls,
  type WorkerStart,
} from "./messages.js";
import { sharedCalls } from "./shared-calls.js";
import { sharedLog } from "./shared-log.js";
import { type PortName, shareOf } from "./worker-options.js";

const BEAT_MS = 500;
const LINKED_MS = 5000;
/** Numbers of traces that one process may give. */
const TRACES = 1e9;

type ToControl = Link<WorkerCalls, ControlCalls, NoteToWorker, NoteToControl>;

/** Called once in a process that the control process started. */
export function runWorker(): void {
  continueOnFaults();
  lowerHelperThreads();
  // The control process ends its workers: a terminal and a service manager signal all processes of a group.
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => {});
  process.on("disconnect", () => process.exit(1));
  endWithParent();
  const worker = new Worker();
  process.on("SIGHUP", () => inBackground(worker.reload(), "reading the certificates"));
  worker.link.note({ note: "hello", protocol: PROTOCOL });
  setInterval(() => worker.link.note({ note: "beat" }), BEAT_MS);
}

class Worker {
  readonly link: ToControl;
  readonly #connections = adoptConnections((taken, closed, sent) => {
    this.link.note({ note: "connections", taken, closed }, undefined, error => error || sent());
  });
  readonly #agreement = new OperationAgreement(
    (operation, key, outcome) => this.link.note({ note: "outcome", operation, key, outcome }),
    damage => this.link.note({ note: "damaged", damage }),
  );
  readonly #arms = new SharedArms(news => this.link.note({ note: "arms", news }));
  #own: OwnParts | undefined;
  #running: RunningServer | undefined;
  #isReady = false;
  /** Starts, or stops. */
  #isChanging = true;

  constructor() {
    this.link = new Link(process, {
      gone: "the server's control process has ended",
      answers: this.#answers(),
      onNote: (note, handle) => this.#onNote(note, handle),
    });
  }

  async reload(): Promise<void> {
    await this.#running?.reload();
  }

  #onNote(note: NoteToWorker, handle: unknown): void {
    if (note.note === "connection") this.#connections.take(note.port, note.id, handle);
    else if (note.note === "verdict") this.#agreement.decide(note.operation, note.key, note.failed);
    else if (note.note === "arms") this.#arms.take(note.news);
    else if (note.note === "isolated") isolate(note.builds);
    else if (note.note === "damaged") this.#own?.registry.damaged(note.damage);
    else this.#isReady = note.ready;
  }

  #answers(): Answers<WorkerCalls> {
    return {
      start: start =>
        this.#start(start).catch(error => {
          if (error instanceof LoadFault) return { failures: error.failures };
          throw error;
        }),
      change: async ({ operation, change, countsWarmUps }) => {
        this.#agreement.countsWarmUps = countsWarmUps;
        await this.#agreement.during(operation, () => this.#change(change));
        return this.#inventory();
      },
      set: setting => this.#set(setting),
      index: () => this.#parts().calls.index(false),
      statistics: async ({ model, version }) => await this.#parts().calls.statisticsWithStages(model, version),
      metrics: () => this.#parts().printMetrics(),
      traceSettings: async model => (await this.#parts().calls.tracer?.print(model)) ?? {},
      faults: () => this.#parts().faults?.set.list() ?? [],
      checkFault: fault => this.#parts().faults?.check(fault),
      inventory: () => this.#inventory(),
      recentState: () => this.#parts().recent?.state(),
      recentList: () => this.#parts().recent?.list() ?? [],
      recentFind: id => this.#parts().recent?.find(id),
      recentCounts: model => this.#parts().recent?.counts(model),
      leave: () => this.#connections.leave(),
      stop: async () => {
        this.#isChanging = true;
        // From now on the end of the channel is the end of the process, without a fault.
        process.removeAllListeners("disconnect").on("disconnect", () => process.exit(0));
        await this.#running?.stop();
      },
    };
  }

  async #start(start: WorkerStart): Promise<Inventory> {
    const { options, loads, countsWarmUps, marks, isolated } = start;
    if (marks !== undefined) keepMarksIn(loadAllocator()?.openMarks?.(marks));
    isolate(isolated);
    this.#agreement.countsWarmUps = countsWarmUps;
    this.#running = await serveHere(options, this.#side(start));
    // Homes are the same in all workers that know each other. One that is missing is being replaced, and links itself later.
    await Promise.race([this.#running.peers?.whole(), delay(LINKED_MS, undefined, { ref: false })]);
    for (const load of loads) await this.#change(load).catch(() => {});
    this.#isChanging = false;
    return this.#inventory();
  }

  #side({ index, count, serial }: WorkerStart): WorkerSide {
    const { link } = this;
    return {
      agreement: this.#agreement,
      arms: this.#arms,
      traces: { firstId: serial * TRACES + 1, shareCount: total => shareOf(total, index, count) },
      log: own =>
        sharedLog(
          own,
          line => link.note({ note: "line", line }),
          () => this.#isChanging || this.#agreement.isActive,
        ),
      attach: own => {
        this.#own = own;
        return sharedCalls(
          own,
          (call, argument) => link.ask(call, argument as never) as never,
          () => this.#isReady,
        );
      },
      faultOver: id => void link.note({ note: "fault-over", id }),
      adopt: (port, adopting) => {
        this.#connections.open(port as PortName, adopting);
        link.note({ note: "open", port: port as PortName });
      },
    };
  }

  #parts(): OwnParts {
    if (!this.#own) throw unavailable("Server not ready");
    return this.#own;
  }

  #inventory(): Inventory {
    const { registry } = this.#parts();
    return { ready: registry.marks(), allReady: registry.allReady() };
  }

  async #change(change: Change): Promise<void> {
    const { calls, registry } = this.#parts();
    if (change.change === "load") await calls.load(change.model, change.override);
    else if (change.change === "unload") await calls.unload(change.model, change.dependents);
    else await registry.poll();
  }

  async #set(setting: Setting): Promise<void> {
    const { calls, logSettings, faults } = this.#parts();
    switch (setting.setting) {
      case "log-json":
        return logSettings.updateFromJson(setting.given);
      case "log-grpc":
        await logSettings.updateFromGrpc(setting.given as Readonly<Record<string, LogSettingsRequest_SettingValue>>);
        return;
      case "trace":
        return calls.tracer?.update(setting.model, setting.given, setting.protocol);
      case "register":
        return calls.memory.register(setting.region);
      case "unregister":
        return calls.memory.unregister(setting.name);
      case "fault":
        faults?.set.add(setting.fault, setting.id);
        return;
      case "no-fault":
        if (setting.id === undefined) faults?.set.clear();
        else faults?.set.remove(setting.id);
    }
  }
}

/** The agreement with the other workers during an operation of the control process. */
class OperationAgreement implements Agreement {
  countsWarmUps = false;
  #operation: number | undefined;
  readonly #waiting = new Map<string, (failed: Outcome | undefined) => void>();

  constructor(
    private readonly tell: (operation: number, key: string, outcome: Outcome) => void,
    readonly damaged: (damage: Damage) => void,
  ) {}

  get isActive(): boolean {
    return this.#operation !== undefined;
  }

  async during<T>(operation: number, work: () => Promise<T>): Promise<T> {
    this.#operation = operation;
    try {
      return await work();
    } finally {
      this.#operation = undefined;
      for (const go of this.#waiting.values()) go(undefined);
      this.#waiting.clear();
    }
  }

  agree(key: string, outcome: Outcome): Promise<Outcome | undefined> {
    const operation = this.#operation!;
    return new Promise(resolve => {
      this.#waiting.set(key, resolve);
      this.tell(operation, key, outcome);
    });
  }

  async agreeWhole(isWhole: boolean): Promise<boolean> {
    const faults = isWhole ? "" : "the repositories changed";
    const failed = await this.agree(WHOLE, { mark: "", faults, reasons: {}, keepsStatistics: true });
    return isWhole && !failed;
  }

  decide(operation: number, key: string, failed: Outcome | undefined): void {
    if (operation !== this.#operation) return;
    const go = this.#waiting.get(key);
    this.#waiting.delete(key);
    go?.(failed);
  }
}

/** Not a model's key: names of models are not empty. */
const WHOLE = "";
