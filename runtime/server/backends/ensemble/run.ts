/**
 * Runs one request through an ensemble: tensors → steps as soon as their inputs exist → answers.
 */

import type { ModelConfig, ModelOutput } from "../../../../triton-protos/model-config.js";
import { RuntimeFault } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import type { RequestMemory } from "../../../base/memory/request-memory.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { AskedModel, Lease } from "../../../engine/schedule/lease.js";
import { NO_CONTROLS } from "../../requests/controls.js";
import type { InferResponse } from "../../requests/request.js";
import { requestPrefix } from "../../requests/request.js";
import type { BackendRequest, BackendResponse, ServerModels } from "../backend.js";
import { type EnsembleGraph, type EnsembleStep, neededSteps } from "./graph.js";
import { adaptShape } from "./shape.js";

/** A tensor and whether its first dimension is a batch; `null` for one that nobody sends. */
type Slot = { readonly tensor: Tensor; readonly batched: boolean } | null;

/** Tensors that belong to the request, or to one answer of a decoupled step. */
interface Scope {
  readonly origin: number;
  readonly parent?: Scope;
  readonly slots: Map<string, Slot>;
  /** By the steps' indices. */
  readonly started: boolean[];
  readonly children: Scope[];
  answered: boolean;
}

/** What a choice of outputs means for a run. */
interface Wish {
  /** In the order of the answer. */
  readonly outputs: readonly ModelOutput[];
  /** Steps that must run; all where it is left out. */
  readonly needed?: ReadonlySet<number>;
  /** Answers leave from the innermost scope that an output comes from. */
  readonly leaf: number;
}

export interface EnsembleRun {
  readonly config: ModelConfig;
  readonly graph: EnsembleGraph;
  readonly server: ServerModels;
  /** The members. */
  readonly asks: readonly AskedModel[];
  /** What a request means that wants all outputs. */
  readonly whole: Wish;
  /** Called with each output of the ensemble that no member produced. */
  readonly onMissing?: ((tensor: string) => void) | undefined;
}

export const ensembleRun = (
  config: ModelConfig,
  graph: EnsembleGraph,
  server: ServerModels,
  asks: readonly AskedModel[],
  onMissing?: (tensor: string) => void,
): EnsembleRun => ({
  ...{ config, graph, server, asks, onMissing },
  whole: readWish(config, graph, new Set(config.output.map(({ name }) => name))),
});

function readWish({ output: declared }: ModelConfig, graph: EnsembleGraph, names: ReadonlySet<string>): Wish {
  const wanted = declared.filter(({ name }) => names.has(name));
  const leaf = wanted.reduce((origin, { name }) => {
    const from = graph.producer.get(name);
    const step = from === undefined ? undefined : graph.steps[from];
    if (!step) return origin;
    const own = step.decoupled ? step.index : step.origin;
    return own === -1 ? origin : own;
  }, -1);
  return {
    // The wire has ensembles' outputs in the order of a hash map: the last one first.
    outputs: wanted.toReversed(),
    leaf,
    ...(wanted.length < declared.length && {
      needed: neededSteps(
        graph,
        declared.map(({ name }) => name),
        names,
      ),
    }),
  };
}

/**
 * Resolves after the last answer. Members are asked in the versions that are there now, as Triton has it: it takes their handles first.
 * @throws RuntimeFault of the first step that fails
 */
export async function runEnsemble(
  run: EnsembleRun,
  request: BackendRequest,
  answer: (response: BackendResponse) => void,
): Promise<void> {
  const lease = run.server.lease(run.asks, request.lease);
  try {
    await runSteps(run, request, lease, answer);
  } finally {
    lease.end();
  }
}

function runSteps(
  { config, graph, server, whole, onMissing }: EnsembleRun,
  request: BackendRequest,
  lease: Lease,
  answer: (response: BackendResponse) => void,
): Promise<void> {
  const batching = config.max_batch_size > 0;
  const { requestedOutputs } = request;
  const wish = requestedOutputs.size === config.output.length ? whole : readWish(config, graph, requestedOutputs);
  const { outputs: wanted, needed, leaf } = wish;
  const parameters = parametersOf(request);
  const root = newScope(-1);
  const limit = config.ensemble_scheduling?.max_inflight_requests ?? 0;
  /** Steps below a decoupled one: how many requests of each run, and those that wait for their turn. */
  const underWay = new Map<number, number>();
  const held = new Map<number, (() => void)[]>();
  let running = 0;
  let failed = false;

  return new Promise((resolve, reject) => {
    const fail = (fault: RuntimeFault): void => {
      if (failed) return;
      failed = true;
      reject(new RuntimeFault(fault.code, `in ensemble '${config.name}', ${fault.message}`, { cause: fault }));
    };
    const settle = (): void => {
      if (running > 0 || failed) return;
      if (leaf === -1 && !root.answered)
        fail(
          new RuntimeFault(
            "INVALID_ARGUMENT",
            `${requestPrefix(request.id)}unexpected deadlock, at least one output is not set while no more ensemble steps can be made`,
          ),
        );
      else resolve();
    };
    const set = (scope: Scope, tensor: string, slot: Slot): void => {
      if (!scope.slots.has(tensor)) scope.slots.set(tensor, slot);
    };
    /** @param whole takes the scopes whose outputs are complete */
    const advance = (scope: Scope, whole: Scope[]): void => {
      for (const step of graph.steps) {
        if (failed) return;
        if (step.origin !== scope.origin || scope.started[step.index] || (needed && !needed.has(step.index))) continue;
        if (!step.inputs.every(([, tensor]) => find(scope, tensor) !== undefined)) continue;
        scope.started[step.index] = true;
        startInTurn(step, scope);
      }
      for (const child of scope.children) advance(child, whole);
      if (scope.origin === leaf && !scope.answered && wanted.every(({ name }) => find(scope, name) !== undefined)) {
        scope.answered = true;
        whole.push(scope);
      }
    };
    /** Starts what has its inputs now, and answers. As in Triton the last answer is marked when it leaves after everything else has ended. */
    const proceed = (scope: Scope): void => {
      const whole: Scope[] = [];
      running++;
      advance(scope, whole);
      running--;
      for (const [i, complete] of whole.entries()) {
        const isLast = running === 0 && !failed && i === whole.length - 1;
        answer(isLast ? { ...collect(complete), final: true } : collect(complete));
      }
    };
    const receive = (step: EnsembleStep, scope: Scope, response: InferResponse, batched: boolean): void => {
      let target = scope;
      if (step.decoupled) {
        target = newScope(step.index, scope);
        scope.children.push(target);
      }
      for (const [output, name] of step.outputs) {
        const tensor = response.outputs.find(candidate => candidate.name === output);
        set(target, name, tensor ? { tensor, batched } : null);
      }
      proceed(target);
    };
    /** `max_inflight_requests` bounds what a decoupled step's answers set off. */
    const startInTurn = (step: EnsembleStep, scope: Scope): void => {
      const count = underWay.get(step.index) ?? 0;
      if (limit === 0 || step.origin === -1 || count < limit) {
        underWay.set(step.index, count + 1);
        start(step, scope);
        return;
      }
      running++;
      const queue = held.get(step.index) ?? [];
      held.set(step.index, queue);
      queue.push(() => {
        running--;
        start(step, scope);
      });
    };
    const passTurn = (step: EnsembleStep): void => {
      if (limit === 0 || step.origin === -1) return;
      const next = failed ? undefined : held.get(step.index)?.shift();
      if (next) next();
      else underWay.set(step.index, underWay.get(step.index)! - 1);
    };
    const start = (step: EnsembleStep, scope: Scope): void => {
      if (request.signal?.aborted) {
        fail(new RuntimeFault("CANCELLED", "Request cancelled"));
        return;
      }
      running++;
      let member: ModelConfig;
      try {
        member = server.config(step.model, step.version, step.namespace, lease);
      } catch (error) {
        running--;
        fail(RuntimeFault.from(error));
        return;
      }
      const memberBatches = member.max_batch_size > 0;
      const { memory } = request;
      if (memory) pinShared(memory, step, scope);
      const inputs = step.inputs.flatMap(([input, name]) => {
        const slot = find(scope, name);
        if (!slot) return [];
        const dims = member.input.find(declared => declared.name === input)?.dims ?? [];
        const shape = adaptShape(slot.tensor.shape, slot.batched, dims, memberBatches);
        return [{ name: input, datatype: slot.tensor.datatype, shape, data: slot.tensor.data }];
      });
      const asked = {
        id: request.id,
        parameters,
        inputs,
        outputs: step.outputNames,
        lease,
        ...(memory && { memory }),
        ...(request.signal && { signal: request.signal }),
        ...(request.trace && { trace: request.trace.child() }),
      };
      let ended = false;
      const end = (): void => {
        if (!ended) running--;
        ended = true;
      };
      const finish = (): void => {
        end();
        passTurn(step);
        settle();
      };
      const take: Parameters<ServerModels["infer"]>[3] = (given, final) => {
        if (final) end();
        if (failed || given === undefined) return;
        if (given instanceof Error) fail(given);
        else receive(step, scope, given, memberBatches);
      };
      inBackground(
        server.infer(step.model, step.version, asked, take, step.namespace).then(finish),
        `the step ${step.model} of an ensemble`,
      );
    };
    /** A step may move the memory of its inputs to a thread of its model's, unless something else looks at it. */
    const pinShared = (memory: RequestMemory, step: EnsembleStep, scope: Scope): void => {
      for (const [, name] of step.inputs) {
        const buffer = find(scope, name)?.tensor.data.buffer;
        if (!buffer || !memory.moves(buffer)) continue;
        for (const [other, slot] of scope.slots)
          if (slot?.tensor.data.buffer === buffer && isReadBeside(other, step)) memory.pin(buffer);
      }
    };
    const isReadBeside = (tensor: string, step: EnsembleStep): boolean =>
      wanted.some(({ name }) => name === tensor) ||
      graph.steps.some(other => other !== step && other.inputs.some(([, name]) => name === tensor));
    const collect = (scope: Scope): BackendResponse => {
      const outputs: Tensor[] = [];
      for (const declared of wanted) {
        const slot = find(scope, declared.name);
        if (!slot) {
          onMissing?.(declared.name);
          continue;
        }
        const shape = adaptShape(slot.tensor.shape, slot.batched, declared.dims, batching);
        outputs.push({ ...slot.tensor, name: declared.name, shape });
      }
      const { correlationId, start: first, end } = request.controls;
      const flags: readonly (readonly [string, Parameter])[] = [
        ["sequence_id", correlationId],
        ["sequence_start", first],
        ["sequence_end", end],
      ];
      return { outputs, parameters: outputs.flatMap(() => flags) };
    };

    // Without an input that is not optional its steps never run.
    for (const { name, optional } of config.input) {
      const tensor = request.inputs.get(name);
      if (tensor) root.slots.set(name, { tensor, batched: batching });
      else if (optional) root.slots.set(name, null);
    }
    proceed(root);
    settle();
  });
}

const newScope = (origin: number, parent?: Scope): Scope => ({
  origin,
  ...(parent && { parent }),
  slots: new Map(),
  started: [],
  children: [],
  answered: false,
});

function find(scope: Scope, tensor: string): Slot | undefined {
  for (let at: Scope | undefined = scope; at; at = at.parent) {
    const slot = at.slots.get(tensor);
    if (slot !== undefined) return slot;
  }
  return undefined;
}

/** Members get the request's parameters and those that steer the server. */
function parametersOf({ parameters, controls }: BackendRequest): ReadonlyMap<string, Parameter> {
  if (controls === NO_CONTROLS) return parameters;
  const all = new Map(parameters);
  if (controls.correlationId !== 0n && controls.correlationId !== "") all.set("sequence_id", controls.correlationId);
  if (controls.start) all.set("sequence_start", true);
  if (controls.end) all.set("sequence_end", true);
  if (controls.priority !== 0n) all.set("priority", controls.priority);
  if (controls.timeout !== 0n) all.set("timeout", controls.timeout);
  return all;
}
