/**
 * The static rules of an ensemble, before its members are looked at: configuration → nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../../triton-protos/model-config.js";
import { refuse } from "../../base/errors.js";

interface Tensor {
  /** Steps that read it. */
  readonly readers: Step[];
  /** The step that writes it. */
  writer?: Step;
  ready: boolean;
}

interface Step {
  /** Tensors that it reads. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Tensors that it reads and that are not ready. */
  missing: number;
}

export function validateEnsemble(config: ModelConfig): void {
  const { name } = config;
  if (config.backend) refuse(`Ensemble model '${name}' must have platform type 'ensemble' and empty backend type`);
  if (!config.ensemble_scheduling)
    refuse(`ensemble scheduling must be set for ensemble ${name} whose platform is ensemble`);
  if (config.instance_group.length > 0) refuse(`instance group should not be specified for ensemble '${name}'`);
  if (config.optimization) refuse(`optimization should not be specified for ensemble '${name}'`);
  if (config.model_warmup.length > 0) refuse(`model_warmup can not be specified for ensemble '${name}'`);
  const steps = config.ensemble_scheduling?.step ?? [];
  if (steps.length === 0) refuse(`must specify 'step' for ensemble '${name}'`);
  for (const [i, step] of steps.entries())
    for (const key of ["model_name", "input_map", "output_map"] as const)
      if (Object.keys(step[key]).length === 0) refuse(`must specify '${key}' in step ${i} of ensemble '${name}'`);
  validateFlow(config, readTensors(config));
}

function readTensors({ name, ensemble_scheduling }: ModelConfig): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const tensor = (key: string): Tensor => {
    const found = tensors.get(key) ?? { readers: [], ready: false };
    tensors.set(key, found);
    return found;
  };
  for (const [i, { input_map, output_map }] of (ensemble_scheduling?.step ?? []).entries()) {
    const from = [...new Set(Object.values(input_map))];
    const to = Object.values(output_map);
    const step: Step = { from, to, missing: from.length };
    for (const key of from) tensor(key).readers.push(step);
    for (const key of to) {
      const written = tensor(key);
      if (written.writer)
        refuse(`ensemble tensor '${key}' can appear in an output map only once for ensemble '${name}' step ${i}`);
      written.writer = step;
    }
  }
  return tensors;
}

function validateFlow({ name, input, output }: ModelConfig, tensors: ReadonlyMap<string, Tensor>): void {
  const ready: Tensor[] = [];
  const settle = (tensor: Tensor): void => {
    if (tensor.ready) return;
    tensor.ready = true;
    ready.push(tensor);
  };
  for (const { name: key } of input)
    settle(tensors.get(key) ?? refuse(`ensemble input '${key}' for ensemble ${name}' is not used`));
  for (const { name: key } of output)
    if (!tensors.has(key)) refuse(`ensemble output '${key}' for ensemble ${name}' is not used`);
  // Each tensor becomes ready once, so the work is linear in the maps of the steps.
  for (let tensor = ready.pop(); tensor; tensor = ready.pop())
    for (const step of tensor.readers) if (--step.missing === 0) for (const key of step.to) settle(tensors.get(key)!);
  const outputs = new Set(output.map(({ name: key }) => key));
  for (const key of outputs) {
    const tensor = tensors.get(key)!;
    if (tensor.ready) continue;
    const loose = tensor.writer?.from.find(from => !tensors.get(from)?.ready);
    refuse(
      `output '${key}' for ensemble '${name}' is not written${loose === undefined ? "" : `: at least one of its depending tensors, '${loose}', is not connected`}`,
    );
  }
  // Triton walks its hash map, which gives the newest first.
  for (const [key, { readers, ready }] of [...tensors].toReversed())
    if (!outputs.has(key) && (readers.length === 0 || !ready))
      refuse(`ensemble tensor '${key}' is unused in ensemble '${name}'`);
}
