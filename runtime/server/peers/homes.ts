/**
 * Which requests have a home: one worker that runs all requests which share a state or a limit. A home is found by rendezvous hashing, so that a
 * worker that leaves or returns moves only its own.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import type { Parameter } from "../../base/tensor.js";
import type { InferRequest } from "../contract.js";
import type { ValidRequest } from "../requests/validate.js";

/** Server-wide facts that decide whether a model has a home. */
export interface HomeFacts {
  /** Instances wait for the resources that they name. */
  readonly limitsRate: boolean;
  /** There is a response cache in the process's memory. */
  readonly caches: boolean;
  /** Recorded exchanges are replayed: equal ones in their order. */
  readonly replays: boolean;
  readonly homeBatchers: "none" | "preferred";
  /** Whether requests to this model are counted now, for a fault that ends after a number of them. */
  readonly countsFaults?: ((model: string) => boolean) | undefined;
}

/** The hash of the state that a request shares with others; undefined if there is none. */
export type HomeKey = (request: InferRequest, valid: ValidRequest) => number | undefined;

export interface HomeModel {
  readonly model: string;
  readonly namespace: string;
  readonly version: number | bigint;
  readonly config: ModelConfig;
}

/** @returns undefined for a model whose requests may run anywhere */
export function homeKeyOf(model: HomeModel, facts: HomeFacts): HomeKey | undefined {
  const key = stateKeyOf(model, facts);
  const { countsFaults } = facts;
  // The state of a sequence stays where it is.
  if (!countsFaults || model.config.sequence_batching) return key;
  return (request, valid) => (countsFaults(model.model) ? COUNTED : key?.(request, valid));
}

/** A fault may be of several models, so all that it counts have the same home. */
const COUNTED = 0x66617574;

function stateKeyOf(model: HomeModel, facts: HomeFacts): HomeKey | undefined {
  const { config } = model;
  const own = hashText(`${model.namespace}\0${model.model}\0${model.version}`);
  if (facts.limitsRate && namesResources(config)) return () => LIMITER;
  if (config.sequence_batching) {
    return ({ parameters }) => {
      const id = sequenceOf(parameters.get("sequence_id"));
      return id === undefined ? undefined : hashText(id, own);
    };
  }
  if (facts.replays || limitsWaiting(config, facts)) return () => own;
  if (facts.caches && config.response_cache?.enable) return (_, { inputs }) => hashInputs(inputs.values(), own);
  return undefined;
}

/** Resources are shared between models, so all that name one have the same home. */
const LIMITER = 0x6c696d69;

const namesResources = ({ instance_group }: ModelConfig): boolean =>
  instance_group.some(({ rate_limiter }) => (rate_limiter?.resources.length ?? 0) > 0);

/** Limits on how many requests wait or run, and the order in which they leave a queue. */
function limitsWaiting({ dynamic_batching, ensemble_scheduling }: ModelConfig, { homeBatchers }: HomeFacts): boolean {
  if ((ensemble_scheduling?.max_inflight_requests ?? 0) > 0) return true;
  if (!dynamic_batching) return false;
  const { default_queue_policy: policy, priority_queue_policy, priority_levels, preserve_ordering } = dynamic_batching;
  if (preserve_ordering || priority_levels > 0 || Object.keys(priority_queue_policy).length > 0) return true;
  if (policy?.max_queue_size || policy?.allow_timeout_override || Number(policy?.default_timeout_microseconds) > 0)
    return true;
  return homeBatchers === "preferred" && dynamic_batching.preferred_batch_size.length > 0;
}

/** A correlation id as text, equal for ids that schedulers treat as equal; undefined if there is none. */
function sequenceOf(id: Parameter | undefined): string | undefined {
  if (typeof id === "string") return id === "" ? undefined : `"${id}`;
  if (typeof id === "number")
    return Number.isFinite(id) && Math.trunc(id) !== 0 ? String(BigInt(Math.trunc(id))) : undefined;
  return typeof id === "bigint" && id !== 0n ? String(BigInt.asUintN(64, id)) : undefined;
}

/** FNV-1a of 32 bits. @param seed a hash that this one continues */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Bytes at each end of a large tensor that are hashed: equal requests need equal hashes, and others may have them. */
const ENDS = 512;

/** The same in any order of the inputs, as the cache's own key is. */
function hashInputs(inputs: Iterable<{ readonly name: string; readonly data: Uint8Array }>, own: number): number {
  let sum = own;
  for (const { name, data } of inputs) {
    let hash = hashText(name, own ^ data.length);
    const head = Math.min(data.length, ENDS);
    for (let i = 0; i < head; i++) hash = Math.imul(hash ^ data[i]!, 0x01000193);
    for (let i = Math.max(head, data.length - ENDS); i < data.length; i++)
      hash = Math.imul(hash ^ data[i]!, 0x01000193);
    sum = (sum + mix(hash)) | 0;
  }
  return sum >>> 0;
}

/** The worker with the highest score for the key. @param workers at least one */
export function homeOf(key: number, workers: Iterable<number>): number {
  let [home, best] = [-1, -1];
  for (const worker of workers) {
    const score = mix(key ^ Math.imul(worker + 1, 0x9e3779b1));
    if (score > best || (score === best && worker < home)) [home, best] = [worker, score];
  }
  return home;
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the output's. */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
