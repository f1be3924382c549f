/**
 * A repository of small models and ensembles (`files.ts`), and a registry that serves it. Loads wait at gates and fail when their configuration says so
 * (`loads.ts`). Requests hold leases, and each rule of the registry that is broken is noted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RuntimeFault } from "#runtime/base/errors.js";
import { VersionLease } from "#runtime/server/models/lease.js";
import type { ReadyVersion } from "#runtime/server/models/ready-version.js";
import { createRegistry } from "#runtime/server/models/registry.js";
import type { Registry } from "#runtime/server/models/registry-types.js";
import { createLog } from "#runtime/server/observe/server-log.js";
import { modelCaller, serverModels } from "#runtime/server/requests/server-models.js";
import { elapse } from "../../../../run/wait.js";
import { BUILT, type Command, ENSEMBLES, LEAVES, type Name, type Step } from "./commands.js";
import { modelFiles } from "./files.js";
import { type Held, watchedLoads } from "./loads.js";

export interface World {
  /** Writes all models, and loads them as a server does when it starts. */
  start(members: readonly (readonly Name[])[]): Promise<void>;
  run(step: Step): Promise<void>;
  /** Opens the gates, ends the requests and the registry, and checks what must be true then. */
  end(): Promise<void>;
  readonly broken: readonly string[];
  readonly log: readonly string[];
}

/** Longest wait for work that nothing holds up. A busy disk stalled for more than four seconds once. */
const PATIENCE_MS = 15_000;

/** Waits until nothing moves but timers. @param isBusy whether work is in progress that is to end by itself */
async function rest(isBusy: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let quiet = 0; quiet < 6 || (isBusy() && performance.now() < end); ) {
    await (quiet < 6 ? new Promise(resolve => void setImmediate(resolve)) : elapse(1));
    quiet = process.getActiveResourcesInfo().some(name => name.startsWith("FSReq")) ? 0 : quiet + 1;
  }
}

export function openWorld(control: "poll" | "explicit"): World {
  const root = mkdtempSync(join(tmpdir(), "merlon-registry-"));
  const log: string[] = [];
  const broken: string[] = [];
  const breaks = (rule: string): void => void broken.push(rule);
  const files = modelFiles(root);
  const { present } = files;
  const held: Held[] = [];
  const loads = watchedLoads(breaks, held);
  const pending = new Set<string>();
  /** A model of the build was removed: the plan continues without it, and waits for no other. */
  let isBuildBroken = false;
  let count = 0;

  const registry: Registry = createRegistry({
    repositories: [root],
    control,
    autoComplete: true,
    loadsAtOnce: 3,
    gpus: { provider: undefined, devices: [] },
    models: (namespace, ahead) => modelCaller(() => registry, namespace, ahead),
    server: serverModels(() => registry),
    log: createLog({ info: true, warning: true, error: true, verbose: 0, format: "default" }, text => log.push(text)),
    middleware: loads.middleware,
    drawSeed: () => 1n,
  });

  const start = (what: string, work: Promise<void>): Promise<string> => {
    const id = `${what} #${++count}`;
    pending.add(id);
    return work
      .then(
        () => "done",
        (error: Error) => (error instanceof RuntimeFault ? "refused" : `failed: ${error.stack}`),
      )
      .then(outcome => {
        pending.delete(id);
        if (outcome.startsWith("failed")) breaks(`${what} ${outcome}`);
        return outcome;
      });
  };

  /** Loads and polls end by themselves unless one waits at a gate; an unload may wait for requests. */
  const isBusy = (): boolean => !loads.areWaiting() && [...pending].some(id => !/^(unload|stop)/.test(id));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= registry.stop();
    return stopped;
  };
  /** Whether nothing else moved while a step ran to its end. */
  const isAlone = (): boolean => pending.size === 0 && !loads.areWaiting();
  const readyNames = (): Map<string, ReadyVersion[]> => {
    const names = new Map<string, ReadyVersion[]>();
    for (const version of registry.ready()) names.set(version.model, [...(names.get(version.model) ?? []), version]);
    return names;
  };
  const numbersOf = (versions: readonly ReadyVersion[] = []): readonly string[] =>
    versions.map(({ version, loaded: made }) => `${version}:${loads.of(made).number}`);

  async function act(command: Command): Promise<(() => void) | undefined> {
    switch (command.do) {
      case "leaf":
        return void files.leaf(command.name, command.leaf);
      case "ensemble":
        return void files.ensemble(command.name, command.members);
      case "build": {
        // A build is one step of the file system; a poll in progress would see a part of this one.
        if (pending.size > 0) return undefined;
        files.build(command.slow);
        return undefined;
      }
      case "remove":
        if (BUILT.some(name => name === command.name)) {
          if (pending.size > 0) return undefined;
          isBuildBroken = true;
        }
        files.remove(command.name);
        return undefined;
      case "load": {
        if (control === "poll") return undefined;
        const alone = isAlone();
        let outcome = "";
        void start(`load ${command.name}`, registry.load(command.name)).then(done => {
          outcome = done;
        });
        return () => {
          if (!alone || !isAlone() || outcome !== "done") return;
          const wanted = present.get(command.name)!;
          const versions = (wanted.leaf?.versions ?? [1]).map(version => `${version}:${wanted.number}`);
          const serving = numbersOf(readyNames().get(command.name));
          if (serving.join() !== versions.join())
            breaks(`${command.name} serves ${serving} after a load that succeeded, and not ${versions}`);
        };
      }
      case "unload": {
        if (control === "poll") return undefined;
        const alone = isAlone();
        void start(`unload ${command.name}`, registry.unload(command.name, command.dependents));
        return () => {
          if (alone && isAlone() && readyNames().has(command.name)) breaks(`${command.name} serves after an unload`);
        };
      }
      case "poll": {
        if (control !== "poll" || [...pending].some(id => id.startsWith("poll"))) return undefined;
        const alone = isAlone();
        const before = present.size;
        void start("poll", registry.poll());
        return () => {
          if (!alone || !isAlone() || before !== present.size) return;
          checkPolled();
        };
      }
      case "open":
        loads.open();
        return undefined;
      case "begin": {
        const lease = new VersionLease(registry);
        lease.hold([{ model: command.name, version: -1 }], {});
        const versions = new Map<string, ReadyVersion>();
        const kept = new Set<ReadyVersion>();
        const ready = new Set(registry.ready());
        const visit = (model: string): void => {
          if (versions.has(model)) return;
          try {
            const found = lease.find(model, -1, versions.size > 0 ? { closing: true, near: "" } : {});
            versions.set(model, found);
            if (ready.has(found)) kept.add(found);
            for (const { model: next } of found.loaded.dependencies ?? []) visit(next);
          } catch (error) {
            if (!(error instanceof RuntimeFault)) throw error;
          }
        };
        visit(command.name);
        if (versions.size > 0) held.push({ lease, name: command.name, versions, kept });
        if (command.name === "plan" && versions.size > 0) {
          const numbers = [...versions.values()].map(({ loaded: made }) => loads.of(made).number);
          if (control === "poll" && ((versions.size < 3 && !isBuildBroken) || new Set(numbers).size > 1))
            breaks(`a request of the plan has the models ${[...versions.keys()]} of the builds ${numbers}`);
        }
        return undefined;
      }
      case "end":
        held.shift()?.lease.end();
        return undefined;
      case "stop":
        void start("stop", stop());
        return undefined;
    }
  }

  /** After a poll: leaves serve what is on disk, and an ensemble serves if all its members do. */
  function checkPolled(): void {
    const ready = readyNames();
    for (const [name, { number, leaf }] of present) {
      if (!leaf || leaf.fails) continue;
      const wanted = leaf.versions.map(version => `${version}:${number}`);
      if (numbersOf(ready.get(name)).join() !== wanted.join())
        breaks(`${name} serves ${numbersOf(ready.get(name))} after a poll, and not ${wanted}`);
    }
    for (const name of ready.keys()) if (!present.has(name)) breaks(`${name} is gone, and serves after a poll`);
    for (const [name, { members }] of present)
      if (members && members.every(member => ready.has(member)) !== ready.has(name) && !isCyclic(name))
        breaks(
          `${name} ${ready.has(name) ? "serves" : "does not serve"}, its members are ${members}, ready are ${[...ready.keys()]}`,
        );
  }
  function isCyclic(name: string, path: readonly string[] = []): boolean {
    if (path.includes(name)) return true;
    return (present.get(name)?.members ?? []).some(member => isCyclic(member, [...path, name]));
  }

  function checkAlways(): void {
    for (const { lease, name, versions, kept } of held)
      for (const [model, version] of versions) {
        if (lease.find(model, -1, model === name ? {} : { closing: true, near: "" }) !== version)
          breaks(`a request of ${name} has two versions of ${model}`);
        if (kept.has(version) && loads.of(version.loaded).closed > 0)
          breaks(`a request of ${name} has a closed version of ${model}`);
      }
    for (const { loaded: made, model } of registry.ready())
      if (loads.of(made).closed > 0) breaks(`${model} is ready and closed`);
  }

  async function checkAtRest(): Promise<void> {
    const ready = readyNames();
    const holds = (name: string): boolean => held.some(({ versions }) => versions.has(name));
    if (!loads.areWaiting())
      for (const name of ENSEMBLES) {
        const [version] = ready.get(name) ?? [];
        for (const { model } of version?.loaded.dependencies ?? [])
          if (!ready.has(model)) breaks(`${name} is ready, and its member ${model} is not`);
      }
    if (isBusy()) for (const id of pending) breaks(`${id} does not end`);
    const entries = await registry.index();
    const listed = entries.flatMap(({ name, version, state }) => (state === "READY" ? [`${name}:${version}`] : []));
    const places = new Set(entries.map(({ name }) => name));
    const serving = registry
      .ready()
      .flatMap(({ model, version }) => (places.has(model) ? [`${model}:${version}`] : []));
    if (listed.sort().join() !== serving.sort().join())
      breaks(`the index lists ${listed} as ready, and not ${serving}`);
    for (const { name, version, state } of entries) {
      if (state === "LOADING" && !loads.areWaiting()) breaks(`${name}:${version} is LOADING, and no load runs`);
      if (state === "UNLOADING" && held.length === 0 && !holds(name))
        breaks(`${name}:${version} is UNLOADING for nobody`);
    }
  }

  return {
    broken,
    log,
    async start(members) {
      const leaf = { versions: [1], slow: false, fails: false };
      for (const name of LEAVES) await act({ do: "leaf", name, leaf });
      for (const [i, name] of ENSEMBLES.entries()) await act({ do: "ensemble", name, members: members[i]! });
      await act({ do: "build", slow: false });
      await start(
        "start",
        registry.start([]).then(() => {}),
      );
      for (const name of [...LEAVES, ...BUILT])
        if (!readyNames().has(name)) breaks(`${name} does not serve after the start`);
      await checkAtRest();
    },
    async run({ command, turns }) {
      const check = await act(command);
      checkAlways();
      for (let i = 0; i < (turns ?? 0); i++) await new Promise(resolve => setImmediate(resolve));
      if (turns === undefined) {
        await rest(isBusy);
        await checkAtRest();
        check?.();
      }
      checkAlways();
    },
    async end() {
      for (const { lease } of held.splice(0)) lease.end();
      for (let i = 0; i < 50 && (loads.areWaiting() || i < 3); i++) {
        loads.open();
        await rest(isBusy);
      }
      await rest(isBusy);
      await checkAtRest();
      for (const id of pending) breaks(`${id} does not end`);
      await stop();
      await rest(isBusy);
      for (const { key, number, closed } of loads.all)
        if (closed !== 1) breaks(`${key} of ${number} is closed ${closed} times at the end`);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
