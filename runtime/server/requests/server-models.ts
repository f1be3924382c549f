/**
 * Calls between models of one server: the same data plane, the same statistics, no socket.
 */
import type { WireType } from "../../../triton-protos/datatype.js";
import type { ModelMetadataResponse_TensorMetadata } from "../../../triton-protos/gen/messages.js";
import type { Cancellation } from "../../base/cancellation.js";
import { RuntimeFault } from "../../base/errors.js";
import type { Parameter, Tensor, TypedTensor } from "../../base/tensor.js";
import type { LeasedModels, ModelCaller, RunModels } from "../../engine/schedule/kernel.js";
import type { Lease } from "../../engine/schedule/lease.js";
import type { ServerModels } from "../contract.js";
import { VersionLease } from "../models/lease.js";
import type { ReadyVersion } from "../models/ready-version.js";
import type { Registry } from "../models/registry-types.js";
import type { Ahead } from "../models/swap-group.js";
import { logPrepared } from "../observe/request-lines.js";
import { executeStream, infer, inferSync, isDecoupled } from "./infer.js";
import { describeModel } from "./metadata.js";
import { validateRequest } from "./validate.js";

/**
 * For plans, whose models are those of their own repository first: one answer, outputs in the requested order.
 * @param ahead new versions that are swapped in together with the plan: they are called from the start
 */
export const modelCaller = (registry: () => Registry, namespace: string, ahead?: Ahead): ModelCaller => {
  const how = { near: namespace, ahead };
  return {
    async describe(model) {
      const { inputs, outputs } = describeModel(registry().find(model, -1, how).config, []);
      const tensor = ({ name, datatype, shape }: ModelMetadataResponse_TensorMetadata) => ({
        name,
        datatype: datatype as WireType,
        shape,
      });
      return { inputs: inputs.map(tensor), outputs: outputs.map(tensor) };
    },
    loaded: model => registry().find(model, -1, how),
    inferSync: (model, inputs, outputs) => inferSync(registry().find(model, -1, how), inputs, outputs),
    infer: (model, inputs, outputs, signal) => ask(registry().find(model, -1, how), inputs, outputs, signal),
    lease(models, outer) {
      const lease = leaseFor(outer, registry);
      lease.hold(models, how);
      return new LeasedPlanModels(lease, namespace);
    },
  };
};

/** The versions of an outer request, or those that are there now. */
const leaseFor = (outer: Lease | undefined, registry: () => Registry): VersionLease =>
  outer ? VersionLease.of(outer).fork() : new VersionLease(registry());

const versionsOf = (lease: Lease | undefined, registry: () => Registry): Pick<Registry, "find"> =>
  lease ? VersionLease.of(lease) : registry();

/** A class, since each request of a plan makes one. */
class LeasedPlanModels implements LeasedModels {
  readonly #lease: VersionLease;
  readonly #near: { readonly near: string };

  constructor(lease: VersionLease, near: string) {
    this.#lease = lease;
    this.#near = { near };
  }

  loaded(model: string): ReadyVersion {
    return this.#lease.find(model, -1, this.#near);
  }

  inferSync(model: string, inputs: readonly TypedTensor[], outputs: readonly string[]) {
    return inferSync(this.loaded(model), inputs, outputs);
  }

  infer(...[model, inputs, outputs, signal]: Parameters<RunModels["infer"]>): ReturnType<RunModels["infer"]> {
    return ask(this.loaded(model), inputs, outputs, signal, this.#lease);
  }

  end(): void {
    this.#lease.end();
  }
}

const NO_PARAMETERS: ReadonlyMap<string, Parameter> = new Map();

/** @param outputs all where there are none */
async function ask(
  version: ReadyVersion,
  inputs: readonly Tensor[],
  outputs: readonly string[],
  signal?: Cancellation,
  lease?: Lease,
): Promise<readonly Tensor[]> {
  const { outputs: answer } = await infer(version, {
    id: "",
    parameters: NO_PARAMETERS,
    inputs,
    outputs,
    ...(signal && { signal }),
    ...(lease && { lease }),
  });
  return outputs.length === 0 ? answer : outputs.map(name => answer.find(tensor => tensor.name === name)!);
}

/** For ensembles and JavaScript models: any version, parameters, any number of answers. */
export const serverModels = (registry: () => Registry): ServerModels => ({
  lease(asked, outer) {
    const lease = leaseFor(outer, registry);
    lease.hold(asked, { closing: true });
    return lease;
  },
  config: (model, version, near, lease) =>
    versionsOf(lease, registry).find(model, version, { closing: true, near }).config,
  configs: () =>
    registry()
      .ready()
      .map(({ config }) => config),
  async infer(model, version, request, answer, near) {
    try {
      const ready = versionsOf(request.lease, registry).find(model, version, { closing: true, near });
      const decoupled = isDecoupled(ready);
      const valid = validateRequest(ready.config, request);
      if (ready.log) logPrepared(ready.log, ready, version > 0 ? String(version) : "", request, valid);
      let ended = !decoupled;
      await executeStream(ready, request, valid, given => {
        if (!(given instanceof Error) && given.final) ended = true;
        answer(given, ended);
      });
      if (!ended) answer(undefined, true);
    } catch (error) {
      answer(RuntimeFault.from(error), true);
    }
  },
});
