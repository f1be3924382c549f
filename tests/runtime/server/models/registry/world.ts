/**
 * A repository of small models and ensembles, and a registry that serves it. Loads wait at gates and fail by their configuration, requests
 * hold leases, and each broken rule of the registry is recorded.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { printPlan } from "#contract/plan.js";
import { column } from "#contract/schema.js";
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Backend, LoadContext } from "#runtime/server/backends/backend.js";
import type { LoadedModel } from "#runtime/server/contract.js";
import { VersionLease } from "#runtime/server/models/lease.js";
import type { ReadyVersion } from "#runtime/server/models/ready-version.js";
import { createRegistry } from "#runtime/server/models/registry.js";
import type { Registry } from "#runtime/server/models/registry-types.js";
import { createLog } from "#runtime/server/observe/server-log.js";
import { modelCaller, serverModels } from "#runtime/server/requests/server-models.js";

export const LEAVES = ["a", "b"] as const;
export const ENSEMBLES = ["e", "f", "g"] as const;
/** Written together, as a build does: a plan and the models that it calls. */
export const BUILT = ["m", "n", "plan"] as const;
export type Name = (typeof LEAVES)[number] | (typeof ENSEMBLES)[number] | (typeof BUILT)[number];

export interface Leaf {
  readonly versions: readonly number[];
  /** Its load waits until a gate opens. */
  readonly slow: boolean;
  readonly fails: boolean;
}

export type Command =
  | { readonly do: "leaf"; readonly name: (typeof LEAVES)[number]; readonly leaf: Leaf }
  | { readonly do: "ensemble"; readonly name: (typeof ENSEMBLES)[number]; readonly members: readonly Name[] }
  | { readonly do: "build"; readonly slow: boolean }
  | { readonly do: "remove" | "load" | "begin"; readonly name: Name }
  | { readonly do: "unload"; readonly name: Name; readonly dependents: boolean }
  | { readonly do: "poll" | "open" | "end" | "stop" };

export interface Step {
  readonly command: Command;
  /** Turns of the event loop before the next step; if undefined, the registry settles. */
  readonly turns?: number | undefined;
}

const tensors =
  'input { name: "x" data_type: TYPE_FP32 dims: [ 1 ] }\noutput { name: "y" data_type: TYPE_FP32 dims: [ 1 ] }\n';
const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }\n`;
const PLAN = printPlan({
  format: "merlon/plan",
  version: 1,
  kind: "ensemble",
  name: "plan",
  inputs: [column("x", "float32")],
  steps: ["m", "n"].map(id => ({
    ...{ id, op: "predictOnnx" as const, label: id },
    params: { path: `${id}.onnx`, model: id, inputs: { x: "x" }, outputs: { [id]: "y" } },
    inputs: { input: [{ name: "x", step: "request", column: "x" }] },
    outputs: [column(id, "float32")],
  })),
  outputs: ["m", "n"].map(name => ({ ref: { name, step: name, column: name }, schema: column(name, "float32") })),
});

interface Watched {
  readonly key: string;
  readonly number: string;
  closed: number;
}

interface Held {
  readonly lease: VersionLease;
  readonly name: Name;
  readonly versions: ReadonlyMap<string, ReadyVersion>;
  /** Those of them that were not being unloaded already: an unload does not wait for later requests. */
  readonly kept: ReadonlySet<ReadyVersion>;
}

export interface World {
  /** Writes all models, and loads them as a server does when it starts. */
  start(members: readonly (readonly Name[])[]): Promise<void>;
  run(step: Step): Promise<void>;
  /** Opens the gates, ends the requests and the registry, and checks what must be true then. */
  end(): Promise<void>;
  readonly broken: readonly string[];
  readonly log: readonly string[];
}

/** Longest wait for work that nothing holds up. */
const PATIENCE_MS = 3000;

/** Waits until nothing moves but timers. @param isBusy whether work is in progress that is to end by itself */
async function rest(isBusy: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let quiet = 0; quiet < 6 || (isBusy() && performance.now() < end); ) {
    await new Promise(resolve => (quiet < 6 ? setImmediate(resolve) : setTimeout(resolve, 1)));
    quiet = process.getActiveResourcesInfo().some(name => name.startsWith("FSReq")) ? 0 : quiet + 1;
  }
}

export function openWorld(control: "poll" | "explicit"): World {
  const root = mkdtempSync(join(tmpdir(), "merlon-registry-"));
  const log: string[] = [];
  const broken: string[] = [];
  const breaks = (rule: string): void => void broken.push(rule);
  const present = new Map<
    string,
    { readonly number: string; readonly leaf?: Leaf; readonly members?: readonly string[] }
  >();
  const loaded = new WeakMap<LoadedModel, Watched>();
  const all: Watched[] = [];
  const loading = new Map<string, number>();
  const gates: (() => void)[] = [];
  const held: Held[] = [];
  const pending = new Set<string>();
  /** A model of the build was removed: the plan continues without it, and waits for no other. */
  let isBuildBroken = false;
  let count = 0;

  const watchedLoad = async (
    { name, version, config }: LoadContext,
    make: () => Promise<LoadedModel>,
  ): Promise<LoadedModel> => {
    const key = `${name}:${version}`;
    const running = (loading.get(key) ?? 0) + 1;
    if (running > 1) breaks(`${key} is loaded twice at a time`);
    loading.set(key, running);
    try {
      if (config.parameters.slow) await new Promise<void>(open => gates.push(open));
      if (config.parameters.fails) throw new RuntimeFault("INTERNAL", "refused");
      const watched: Watched = { key, number: config.parameters.number?.string_value ?? "", closed: 0 };
      const inner = await make();
      const made: LoadedModel = {
        ...inner,
        async close() {
          if (++watched.closed > 1) breaks(`${key} is closed ${watched.closed} times`);
          for (const { name: by, kept } of held)
            for (const one of kept)
              if (one.loaded === made) breaks(`${key} is closed while a request of ${by} holds it`);
          await inner.close?.();
        },
      };
      loaded.set(made, watched);
      all.push(watched);
      return made;
    } finally {
      loading.set(key, loading.get(key)! - 1);
    }
  };
  const backendOf = (inner: Backend): Backend => ({
    ...inner,
    load: (context, before) => watchedLoad(context, () => inner.load(context, before)),
  });
  const fake: Backend = {
    anyDevice: true,
    load: async ({ name }) => ({
      execute: requests => requests.map(() => ({ outputs: [] })),
      ...(name === "plan" && { dependencies: ["m", "n"].map(model => ({ model, version: -1 })) }),
    }),
  };
  const registry: Registry = createRegistry({
    repositories: [root],
    control,
    autoComplete: true,
    loadsAtOnce: 3,
    gpus: { provider: undefined, devices: [] },
    models: (namespace, ahead) => modelCaller(() => registry, namespace, ahead),
    server: serverModels(() => registry),
    log: createLog({ info: true, warning: true, error: true, verbose: 0, format: "default" }, text => log.push(text)),
    middleware: {
      backend: async ({ config }, choose) => backendOf(config.platform === "ensemble" ? await choose() : fake),
    },
    drawSeed: () => 1n,
  });

  const write = (
    name: string,
    config: string,
    versions: readonly number[],
    files: Readonly<Record<string, string>> = {},
  ) => {
    rmSync(join(root, name), { recursive: true, force: true });
    const entries = { "config.pbtxt": `name: "${name}"\n${config}`, ...files };
    for (const version of versions) Object.assign(entries, { [`${version}/.keep`]: "" });
    for (const [path, content] of Object.entries(entries)) {
      mkdirSync(dirname(join(root, name, path)), { recursive: true });
      writeFileSync(join(root, name, path), content);
    }
  };
  const writeLeaf = (name: string, number: string, leaf: Leaf, backend = "javascript", files = {}): void => {
    const flags = `${leaf.slow ? parameter("slow", "1") : ""}${leaf.fails ? parameter("fails", "1") : ""}`;
    const policy = "version_policy { all {} }\ninstance_group { count: 1 kind: KIND_CPU }\n";
    write(
      name,
      `backend: "${backend}"\n${tensors}${policy}${parameter("number", number)}${flags}`,
      leaf.versions,
      files,
    );
    present.set(name, { number, leaf });
  };
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
  const isBusy = (): boolean => gates.length === 0 && [...pending].some(id => !/^(unload|stop)/.test(id));
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= registry.stop();
    return stopped;
  };
  /** Whether nothing else moved while a step ran to its end. */
  const isAlone = (): boolean => pending.size === 0 && gates.length === 0;
  const readyNames = (): Map<string, ReadyVersion[]> => {
    const names = new Map<string, ReadyVersion[]>();
    for (const version of registry.ready()) names.set(version.model, [...(names.get(version.model) ?? []), version]);
    return names;
  };
  const numbersOf = (versions: readonly ReadyVersion[] = []): readonly string[] =>
    versions.map(({ version, loaded: made }) => `${version}:${loaded.get(made)!.number}`);

  async function act(command: Command): Promise<(() => void) | undefined> {
    switch (command.do) {
      case "leaf":
        return void writeLeaf(command.name, String(++count), command.leaf);
      case "ensemble": {
        const tensorOf = (i: number): string => (i === 0 ? "x" : i === command.members.length ? "y" : `t${i}`);
        const steps = command.members.map(
          (member, i) =>
            `step { model_name: "${member}" model_version: -1 input_map { key: "x" value: "${tensorOf(i)}" } output_map { key: "y" value: "${tensorOf(i + 1)}" } }`,
        );
        const number = String(++count);
        const config = `platform: "ensemble"\n${tensors}${parameter("number", number)}ensemble_scheduling { ${steps.join("\n")} }`;
        write(command.name, config, [1]);
        present.set(command.name, { number, members: command.members });
        return undefined;
      }
      case "build": {
        // A build is one step of the file system; a poll in progress would see a part of this one.
        if (pending.size > 0) return undefined;
        const number = String(++count);
        for (const name of ["m", "n"]) writeLeaf(name, number, { versions: [1], slow: command.slow, fails: false });
        writeLeaf("plan", number, { versions: [1], slow: command.slow, fails: false }, "merlon", {
          "1/plan.json": PLAN,
        });
        return undefined;
      }
      case "remove":
        if (BUILT.some(name => name === command.name)) {
          if (pending.size > 0) return undefined;
          isBuildBroken = true;
        }
        rmSync(join(root, command.name), { recursive: true, force: true });
        present.delete(command.name);
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
        const files = new Map(present);
        void start("poll", registry.poll());
        return () => {
          if (!alone || !isAlone() || files.size !== present.size) return;
          checkPolled();
        };
      }
      case "open":
        for (const open of gates.splice(0)) open();
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
          const numbers = [...versions.values()].map(({ loaded: made }) => loaded.get(made)!.number);
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
        if (kept.has(version) && loaded.get(version.loaded)!.closed > 0)
          breaks(`a request of ${name} has a closed version of ${model}`);
      }
    for (const { loaded: made, model } of registry.ready())
      if (loaded.get(made)!.closed > 0) breaks(`${model} is ready and closed`);
  }

  async function checkAtRest(): Promise<void> {
    const ready = readyNames();
    const holds = (name: string): boolean => held.some(({ versions }) => versions.has(name));
    if (gates.length === 0)
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
      if (state === "LOADING" && gates.length === 0) breaks(`${name}:${version} is LOADING, and no load runs`);
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
      for (let i = 0; i < 50 && (gates.length > 0 || i < 3); i++) {
        for (const open of gates.splice(0)) open();
        await rest(isBusy);
      }
      await rest(isBusy);
      await checkAtRest();
      for (const id of pending) breaks(`${id} does not end`);
      await stop();
      await rest(isBusy);
      for (const { key, number, closed } of all)
        if (closed !== 1) breaks(`${key} of ${number} is closed ${closed} times at the end`);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
