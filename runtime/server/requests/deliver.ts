/**
 * The client's form of its outputs: a response of the data plane → the same response with outputs classified, or written to shared memory.
 */

import { internal } from "../../base/errors.js";
import type { Charge } from "../../base/memory/memory-budget.js";
import { type Sliced, slicedIfLong } from "../../base/slices.js";
import type { Tensor } from "../../base/tensor.js";
import type { InferRequest, InferResponse, OutputWish } from "../contract.js";
import type { ReadyVersion } from "../models/ready-version.js";
import { classify } from "./classify.js";
import type { RegionPart } from "./shared-memory.js";

/** An output whose bytes lie in shared memory; `data` is empty. */
export interface PlacedTensor extends Tensor {
  readonly placed: true;
}
export const isPlaced = (tensor: Tensor): tensor is PlacedTensor => "placed" in tensor;

/** Class names of an output, one per line of its `label_filename`. */
export type FindLabels = (version: ReadyVersion, output: string) => readonly string[];

/**
 * @param charge the account of the request
 * @returns a promise where that is much work
 * @throws RuntimeFault
 */
export function deliver(
  response: InferResponse,
  { wishes, signal }: InferRequest,
  version: ReadyVersion,
  findLabels: FindLabels,
  charge: Charge | undefined,
): InferResponse | Promise<InferResponse> {
  if (!wishes || wishes.size === 0) return response;
  const batching = version.config.max_batch_size > 0;
  const { outputs } = response;
  let bytes = 0;
  for (const { name, data } of outputs) if (isClassified(wishes.get(name))) bytes += data.byteLength;
  function* work(): Sliced<InferResponse> {
    const delivered: Tensor[] = [];
    for (const tensor of outputs) {
      const wish = wishes!.get(tensor.name);
      if (!isClassified(wish)) delivered.push(wish ? place(tensor, wish.region) : tensor);
      else {
        const labels = findLabels(version, tensor.name);
        delivered.push(yield* classify(tensor, { classes: wish.classes, batching, labels, charge }));
      }
    }
    return { ...response, outputs: delivered };
  }
  return slicedIfLong(bytes, work(), signal);
}

const isClassified = (wish: OutputWish | undefined): wish is { readonly classes: number } =>
  wish !== undefined && "classes" in wish;

function place(tensor: Tensor, region: RegionPart): PlacedTensor {
  const { byteLength } = tensor.data;
  if (byteLength > region.size)
    throw internal(
      `shared memory size specified with the request for output '${tensor.name}' (${region.size} bytes) should be at least ${byteLength} bytes to hold the results`,
    );
  region.write(tensor.data);
  return { ...tensor, data: new Uint8Array(0), placed: true };
}
