/**
 * Runs one request through an ensemble: tensors → steps as soon as their inputs exist → answers.
 */

import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { invalid, RuntimeFault } from "../../../base/errors.js";
import { inBackground } from "../../../base/in-background.js";
import type { Parameter, Tensor } from "../../../base/tensor.js";
import type { Lease, ModelRef } from "../../../engine/schedule/lease.js";
import type { BackendRequest, BackendResponse, InferResponse, ServerModels } from "../../contract.js";
import { requestPrefix } from "../../requests/request-prefix.js";
import type { EnsembleGraph, EnsembleStep } from "./graph.js";
import { memberInputs, parametersOf, pinShared } from "./member-request.js";
import { find, newScope, type Scope } from "./scope.js";
import { adaptShape } from "./shape.js";
import { type StepSlots, stepSlots } from "./step-slots.js";
import { readWish, type Wish } from "./wish.js";

export interface EnsembleRun {
  readonly config: ModelConfig;
  readonly graph: EnsembleGraph;
  readonly server: ServerModels;
  /** The members. */
  readonly dependencies: readonly ModelRef[];
  /** The meaning of a request for all outputs. */
  readonly whole: Wish;
  /** By step, those of all requests; undefined without `max_inflight_requests`. */
  readonly slots: readonly StepSlots[] | undefined;
  /** Called with each output of the ensemble that no member produced. */
  readonly onMissing?: ((tensor: string) => void) | undefined;
}

export const ensembleRun = (
  config: ModelConfig,
  graph: EnsembleGraph,
  server: ServerModels,
  dependencies: readonly ModelRef[],
  onMissing?: (tensor: string) => void,
): EnsembleRun => {
  const limit = config.ensemble_scheduling?.max_inflight_requests ?? 0;
  return {
    ...{ config, graph, server, dependencies, onMissing },
    whole: readWish(config, graph, new Set(config.output.map(({ name }) => name))),
    slots: limit > 0 ? graph.steps.map(() => stepSlots(limit)) : undefined,
  };
};

/** A request on its way. */
interface Running {
  readonly ensemble: EnsembleRun;
  readonly request: BackendRequest;
  readonly lease: Lease;
  readonly answer: (response: BackendResponse) => void;
  readonly wish: Wish;
  /** The parts of a member's request beside its inputs. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly root: Scope;
  readonly resolve: () => void;
  readonly reject: (fault: RuntimeFault) => void;
  /** Steps that run or wait for a slot. */
  steps: number;
  failed: boolean;
}

/**
 * Resolves after the last answer. Members are called in the versions that are ready now, as in Triton, which takes their handles first.
 * @throws RuntimeFault of the first step that fails
 */
export async function runEnsemble(
  run: EnsembleRun,
  request: BackendRequest,
  answer: (response: BackendResponse) => void,
): Promise<void> {
  const lease = run.server.lease(run.dependencies, request.lease);
  try {
    await runSteps(run, request, lease, answer);
  } finally {
    lease.end();
  }
}

function runSteps(
  ensemble: EnsembleRun,
  request: BackendRequest,
  lease: Lease,
  answer: (response: BackendResponse) => void,
): Promise<void> {
  const { config, graph, whole } = ensemble;
  const { requestedOutputs } = request;
  const wish = requestedOutputs.size === config.output.length ? whole : readWish(config, graph, requestedOutputs);
  const parameters = parametersOf(request);
  const root = newScope(-1);
  return new Promise((resolve, reject) => {
    const running: Running = {
      ensemble,
      request,
      lease,
      answer,
      wish,
      parameters,
      root,
      resolve,
      reject,
      steps: 0,
      failed: false,
    };
    const batched = config.max_batch_size > 0;
    // Without an input that is not optional its steps never run.
    for (const { name, optional } of config.input) {
      const tensor = request.inputs.get(name);
      if (tensor) root.slots.set(name, { tensor, batched });
      else if (optional) root.slots.set(name, null);
    }
    proceed(running, root);
    settle(running);
  });
}

/** Starts what has its inputs now, and answers. As in Triton the last answer is marked when it leaves after everything else has ended. */
function proceed(running: Running, scope: Scope): void {
  const whole: Scope[] = [];
  running.steps++;
  advance(running, scope, whole);
  running.steps--;
  for (const [i, complete] of whole.entries()) {
    const isLast = running.steps === 0 && !running.failed && i === whole.length - 1;
    const response = collect(running, complete);
    running.answer(isLast ? { ...response, final: true } : response);
  }
}

/** @param whole takes the scopes whose outputs are complete */
function advance(running: Running, scope: Scope, whole: Scope[]): void {
  const { ensemble, wish } = running;
  const { needed } = wish;
  for (const step of ensemble.graph.steps) {
    if (running.failed) return;
    if (step.origin !== scope.origin || scope.started[step.index] || (needed && !needed.has(step.index))) continue;
    if (!step.inputs.every(([, tensor]) => find(scope, tensor) !== undefined)) continue;
    scope.started[step.index] = true;
    startInSlot(running, step, scope);
  }
  for (const child of scope.children) advance(running, child, whole);
  if (
    scope.origin === wish.leaf &&
    !scope.answered &&
    wish.outputs.every(({ name }) => find(scope, name) !== undefined)
  ) {
    scope.answered = true;
    whole.push(scope);
  }
}

/** Starts a step when one of its slots is free, if the ensemble limits them. */
function startInSlot(running: Running, step: EnsembleStep, scope: Scope): void {
  const slots = running.ensemble.slots?.[step.index];
  if (!slots) {
    start(running, step, scope);
    return;
  }
  running.steps++;
  const begin = (): void => {
    running.steps--;
    if (running.failed) slots.release();
    else start(running, step, scope, slots);
  };
  slots.take(begin, running.request.signal);
}

/** @param slots where it has taken one */
function start(running: Running, step: EnsembleStep, scope: Scope, slots?: StepSlots): void {
  const { request, lease } = running;
  const { graph, server } = running.ensemble;
  if (request.signal?.aborted) {
    slots?.release();
    fail(running, new RuntimeFault("CANCELLED", "Request cancelled"));
    return;
  }
  running.steps++;
  let member: ModelConfig;
  try {
    member = server.config(step.model, step.version, step.namespace, lease);
  } catch (error) {
    running.steps--;
    slots?.release();
    fail(running, RuntimeFault.from(error));
    return;
  }
  const { memory } = request;
  if (memory) pinShared(memory, step, scope, graph, running.wish);
  const asked = {
    id: request.id,
    parameters: running.parameters,
    inputs: memberInputs(step, scope, member),
    outputs: step.outputNames,
    lease,
    ...(memory && { memory }),
    ...(request.signal && { signal: request.signal }),
    ...(request.trace && { trace: request.trace.child() }),
    ...(request.headers && { headers: request.headers }),
  };
  let ended = false;
  const end = (): void => {
    if (!ended) running.steps--;
    ended = true;
  };
  const finish = (): void => {
    end();
    slots?.release();
    settle(running);
  };
  const take: Parameters<ServerModels["infer"]>[3] = (given, final) => {
    if (final) end();
    if (running.failed || given === undefined) return;
    if (given instanceof Error) fail(running, given);
    else receive(running, step, scope, given, member.max_batch_size > 0);
  };
  inBackground(
    server.infer(step.model, step.version, asked, take, step.namespace).then(finish),
    `the step ${step.model} of an ensemble`,
  );
}

/** @param batched whether the outputs have a batch dimension */
function receive(running: Running, step: EnsembleStep, scope: Scope, response: InferResponse, batched: boolean): void {
  let target = scope;
  if (step.decoupled) {
    target = newScope(step.index, scope);
    scope.children.push(target);
  }
  for (const [output, name] of step.outputs) {
    if (target.slots.has(name)) continue;
    const tensor = response.outputs.find(candidate => candidate.name === output);
    target.slots.set(name, tensor ? { tensor, batched } : null);
  }
  proceed(running, target);
}

/** The answer of a scope whose outputs are complete. */
function collect({ ensemble, wish, request }: Running, scope: Scope): BackendResponse {
  const batching = ensemble.config.max_batch_size > 0;
  const outputs: Tensor[] = [];
  for (const declared of wish.outputs) {
    const slot = find(scope, declared.name);
    if (!slot) {
      ensemble.onMissing?.(declared.name);
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
}

/** Ends the request when nothing runs any more. */
function settle(running: Running): void {
  if (running.steps > 0 || running.failed) return;
  if (running.wish.leaf === -1 && !running.root.answered)
    fail(
      running,
      invalid(
        `${requestPrefix(running.request.id)}unexpected deadlock, at least one output is not set while no more ensemble steps can be made`,
      ),
    );
  else running.resolve();
}

/** Only the first fault of a request counts. */
function fail(running: Running, fault: RuntimeFault): void {
  if (running.failed) return;
  running.failed = true;
  const { name } = running.ensemble.config;
  running.reject(new RuntimeFault(fault.code, `in ensemble '${name}', ${fault.message}`, { cause: fault }));
}
