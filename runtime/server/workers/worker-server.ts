/**
 * The workers of a server as one: their start, their end, and a worker's way into the place of another.
 */

import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { removeAbandonedFolders, type TemporaryFolder } from "../../../contract/files/temporary-folder.js";
import type { LogSettingsRequest_SettingValue } from "../../../triton-protos/gen/messages.js";
import { RuntimeFault, unavailable } from "../../base/errors.js";
import { inBackground } from "../../base/in-background.js";
import { serveFaultAdmin } from "../faults/admin.js";
import { LoadFault } from "../lifecycle/first-load.js";
import type { OpenOptions, ServeOptions } from "../lifecycle/server-options.js";
import type { LogSettings } from "../observe/log-settings.js";
import type { ServerLog } from "../observe/server-log.js";
import { makeSocketFolder, parentsOfSockets } from "../peers/socket-folder.js";
import type { Listener } from "../transport/listen.js";
import type { WorkerPlace } from "./affinity.js";
import { Changes } from "./changes.js";
import { Comparison } from "./comparison.js";
import { Control } from "./control.js";
import { HandOver } from "./hand-over.js";
import { IsolatedModels } from "./isolated-models.js";
import type { NoteToControl, Setting, WorkerStart } from "./messages.js";
import { SharedSettings } from "./settings.js";
import { OnceLog } from "./shared-log.js";
import { StoppedArms } from "./stopped-arms.js";
import { Supervisor } from "./supervisor.js";
import { workerOptions } from "./worker-options.js";
import type { WorkerProcess } from "./worker-process.js";

/** A stopped worker's process ends within this time, or is ended. */
const EXIT_MS = 2000;
const SWEEP_MS = 1000;

export interface WorkerServerOptions {
  readonly given: ServeOptions;
  readonly options: OpenOptions;
  readonly count: number;
  readonly places: readonly WorkerPlace[];
  readonly log: ServerLog;
  /** Settings of the log of this process. */
  readonly logSettings: LogSettings;
}

export class WorkerServer {
  readonly connections: HandOver;
  readonly control: Control;
  readonly #server: WorkerServerOptions;
  readonly #supervisor: Supervisor;
  readonly #changes: Changes;
  readonly #comparison: Comparison;
  readonly #settings: SharedSettings;
  readonly #arms: StoppedArms;
  readonly #lines: OnceLog;
  readonly #isolated: IsolatedModels;
  readonly #timers: NodeJS.Timeout[] = [];
  /** The sockets of the workers' links. */
  readonly #links: TemporaryFolder;
  readonly #token = randomBytes(24).toString("hex");
  #isServing = false;
  #polling: Promise<void> | undefined;

  constructor(server: WorkerServerOptions) {
    const { options, count, places, log } = server;
    this.#server = server;
    this.#links = makeSocketFolder(text => log.warning("workers", text));
    this.#isolated = new IsolatedModels(this.#links.path, log);
    const withModels = (): readonly WorkerProcess[] =>
      this.#supervisor.workers.filter(({ state }) => state !== "joining");
    this.#arms = new StoppedArms(withModels);
    this.connections = new HandOver(() => this.#supervisor.workers);
    this.#changes = new Changes({
      workers: () => this.#supervisor.serving,
      onPublished: models => {
        this.#arms.published(models);
        this.control.published(models);
      },
      refresh: options.refreshRepositories,
      control: options.modelControlMode,
    });
    this.#comparison = new Comparison(this.#changes, () => this.#supervisor.serving, log);
    this.#settings = new SharedSettings(withModels, setting => this.#setOwnLog(setting));
    this.control = new Control(withModels, this.#changes, this.#settings);
    this.#lines = new OnceLog(log, () => withModels().map(({ serial }) => serial));
    this.#supervisor = new Supervisor({
      ...{ count, places, log, silence: options.workerTimeoutSeconds * 1000 },
      events: {
        answers: () => this.control.answers,
        onNote: (worker, note) => this.#onNote(worker, note),
        onSilent: worker => this.connections.ended(worker),
      },
      join: worker => this.#join(worker),
      onEnd: worker => this.#onEnd(worker),
      onStanding: () => this.#tellStanding(),
      isLoading: () => this.#changes.isRunning,
    });
  }

  /** Resolves when all workers have loaded the same models. @throws RuntimeFault of the first that could not start */
  async start(): Promise<void> {
    const { options, log } = this.#server;
    // Workers remove those in the temporary folder.
    for (const parent of parentsOfSockets())
      if (parent !== tmpdir()) inBackground(removeAbandonedFolders(parent), "removing what killed servers left");
    this.#timers.push(setInterval(() => this.connections.sweep(), SWEEP_MS).unref());
    const workers = this.#supervisor.start();
    await Promise.all(
      workers.map(async worker => {
        const started = await worker.link.ask("start", this.#startOf(worker));
        if ("failures" in started) throw new LoadFault(started.failures);
        worker.inventory = started;
      }),
    );
    const names = options.loadModels.includes("*") ? workers[0]!.inventory!.ready.keys() : options.loadModels;
    for (const name of names) this.#changes.wanted.add(name);
    const different = await this.#changes.exclusively(() => this.#changes.align(workers));
    if (different.length > 0)
      log.error(
        "workers",
        `these models did not load in every worker, or not from the same files: ${different.join(", ")}`,
      );
    const now = performance.now();
    for (const worker of workers) if (worker.state === "starting") [worker.state, worker.served] = ["serving", now];
  }

  #startOf({ index, serial, state }: WorkerProcess, later: Partial<ServeOptions> = {}): WorkerStart {
    const { given, count } = this.#server;
    return {
      ...{ index, count, serial },
      options: {
        ...workerOptions({ ...given, drainDelaySeconds: 0, ...later }, { index, count, serial }),
        peers: { self: index, count, folder: this.#links.path, token: this.#token },
      },
      countsWarmUps: state === "starting" && index === 0,
      loads: later.loadModels ? this.#changes.loads : [],
      ...this.#isolated.startOf(serial),
    };
  }

  /** The ports are open: the server is ready as soon as its models are. */
  serve(): void {
    const { options } = this.#server;
    this.#isServing = true;
    this.#tellStanding();
    this.#comparison.start();
    const { modelControlMode: mode, repositoryPollSeconds: seconds } = options;
    if (mode === "poll" && seconds > 0)
      this.#timers.push(
        setInterval(() => {
          this.#polling ??= this.#poll();
        }, seconds * 1000),
      );
  }

  async #poll(): Promise<void> {
    try {
      await this.#server.options.refreshRepositories();
      await this.#changes.run({ change: "poll" });
    } catch (error) {
      this.#server.log.error("main", `failed to poll model repository: Internal - ${(error as Error).message}`);
    }
    this.#polling = undefined;
  }

  /** @returns undefined where it is off @throws ListenError */
  async openFaultAdmin(): Promise<Listener | undefined> {
    const { given, log } = this.#server;
    if (given.faultAdminPort === undefined) return undefined;
    const faults = this.control.faults((given.faults?.length ?? 0) + 1);
    const admin = await serveFaultAdmin(given.faultAdminPort, faults, checked => faults.check(checked));
    log.info("faults", `Started fault admin at ${admin.address}:${admin.port}`);
    return admin;
  }

  #onNote(worker: WorkerProcess, note: Exclude<NoteToControl, { readonly note: "hello" | "beat" }>): void {
    switch (note.note) {
      case "open":
        worker.ports.add(note.port);
        this.connections.opened();
        return;
      case "connections":
        this.connections.taken(worker, note.taken);
        this.connections.closed(worker, note.closed);
        return;
      case "fault-over":
        inBackground(this.#settings.set({ setting: "no-fault", id: note.id }), "ending a fault");
        return;
      case "damaged":
        for (const other of this.#supervisor.serving) if (other !== worker) other.link.note(note);
        return;
      case "arms":
        this.#arms.take(worker, note.news);
        return;
      case "outcome":
        this.#changes.outcome(worker, note.operation, note.key, note.outcome);
        return;
      case "line":
        // The log has these lines already, from the workers that loaded the models before.
        if (worker.state !== "joining" || note.line.level === "error") this.#lines.take(worker.serial, note.line);
    }
  }

  #onEnd(worker: WorkerProcess): void {
    this.control.ended(worker);
    this.#changes.ended();
    const builds = this.#isolated.ended(worker);
    if (builds.length > 0) for (const { link } of this.#supervisor.workers) link.note({ note: "isolated", builds });
  }

  /** A worker in the place of one that ended gets the models and settings of the others, and then connections. */
  async #join(worker: WorkerProcess): Promise<void> {
    const { options } = this.#server;
    const isExplicit = options.modelControlMode === "explicit";
    const later = { exitOnError: false, ...(isExplicit && { loadModels: this.#changes.onDisk }) };
    const { revision } = this.#changes;
    await worker.link.ask("start", this.#startOf(worker, later));
    await this.#changes.exclusively(async () => {
      const others = this.#supervisor.serving;
      const different = others.length > 0 ? await this.#changes.align(others, worker) : [];
      if (different.length > 0) throw unavailable(`its models are not those of the others: ${different.join(", ")}`);
      // None is left that has the changes since, or they ended before this worker had them; another start loads them.
      if (this.#supervisor.serving.length === 0 && revision !== this.#changes.revision)
        throw unavailable("the models of the server changed while it started");
      await this.#settings.replay(worker, () => {
        if (worker.state !== "joining") return;
        this.#arms.joined(worker);
        worker.state = "serving";
        worker.served = performance.now();
      });
    });
    this.#tellStanding();
    this.connections.opened();
  }

  async #setOwnLog(setting: Setting): Promise<void> {
    const { logSettings } = this.#server;
    if (setting.setting === "log-json") return logSettings.updateFromJson(setting.given);
    if (setting.setting === "log-grpc")
      await logSettings.updateFromGrpc(setting.given as Readonly<Record<string, LogSettingsRequest_SettingValue>>);
  }

  #tellStanding(): void {
    const { serving, isFailing } = this.#supervisor;
    const ready = this.#isServing && !isFailing;
    for (const { link } of serving) link.note({ note: "standing", ready });
  }

  /** Each worker has certificates of its own, and a signal for them. */
  reload(): void {
    for (const { child } of this.#supervisor.workers) child.kill("SIGHUP");
  }

  /** From now on not ready. */
  leave(): void {
    this.#isServing = false;
    this.#tellStanding();
    for (const timer of this.#timers) clearInterval(timer);
    this.#comparison.stop();
  }

  /** Workers serve, and let their connections end. */
  async leaveConnections(): Promise<void> {
    await Promise.allSettled(this.#supervisor.serving.map(({ link }) => link.ask("leave", undefined, EXIT_MS)));
  }

  /** @param patience milliseconds for the requests in flight @throws RuntimeFault when they do not end in time */
  async stop(patience: number): Promise<void> {
    const workers = this.#supervisor.workers;
    this.#supervisor.stop();
    this.connections.sweep(true);
    const results = await Promise.allSettled(
      workers.map(async worker => {
        // The others would wait for the links of one that does not serve yet.
        if (worker.state === "serving") await worker.link.ask("stop", { patience }, patience + EXIT_MS);
        else await end(worker);
      }),
    );
    await Promise.all(workers.map(end));
    await this.#links.dispose();
    const failed = results.find(one => one.status === "rejected");
    if (failed) throw RuntimeFault.from(failed.reason);
  }

  /** The start failed. Resolves when nothing is left: no process, and no file. */
  async abandon(): Promise<void> {
    const workers = this.#supervisor.workers;
    this.leave();
    this.#supervisor.stop();
    this.connections.sweep(true);
    await Promise.all(workers.map(end));
    await this.#links.dispose();
  }
}

async function end(worker: WorkerProcess): Promise<void> {
  worker.release();
  const timer = setTimeout(() => worker.kill(), EXIT_MS);
  await worker.ended;
  clearTimeout(timer);
}
