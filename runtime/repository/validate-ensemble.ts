/**
 * The static rules of an ensemble, before its members are looked at: configuration → nothing, or a fault with Triton's text.
 */
import type { ModelConfig } from "../../triton-protos/model-config.js";
import { RuntimeFault } from "../errors.js";

interface Tensor {
  /** Steps that read it. */
  readers: number;
  /** Tensors that the step reads which writes it. */
  from: readonly string[];
  ready: boolean;
}

const refuse = (text: string): never => {
  throw new RuntimeFault("INVALID_ARGUMENT", text);
};

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
    const found = tensors.get(key) ?? { readers: 0, from: [], ready: false };
    tensors.set(key, found);
    return found;
  };
  const written = new Set<string>();
  for (const [i, { input_map, output_map }] of (ensemble_scheduling?.step ?? []).entries()) {
    for (const key of new Set(Object.values(input_map))) tensor(key).readers++;
    for (const key of Object.values(output_map)) {
      if (written.has(key))
        refuse(`ensemble tensor '${key}' can appear in an output map only once for ensemble '${name}' step ${i}`);
      written.add(key);
      tensor(key).from = Object.values(input_map);
    }
  }
  return tensors;
}

function validateFlow({ name, input, output }: ModelConfig, tensors: ReadonlyMap<string, Tensor>): void {
  for (const { name: key } of input) {
    const found = tensors.get(key) ?? refuse(`ensemble input '${key}' for ensemble ${name}' is not used`);
    found.ready = true;
  }
  for (const { name: key } of output)
    if (!tensors.has(key)) refuse(`ensemble output '${key}' for ensemble ${name}' is not used`);
  for (let changed = true; changed; ) {
    changed = false;
    for (const tensor of tensors.values()) {
      if (tensor.ready || tensor.from.length === 0 || !tensor.from.every(key => tensors.get(key)?.ready)) continue;
      tensor.ready = true;
      changed = true;
    }
  }
  const outputs = new Set(output.map(({ name: key }) => key));
  for (const key of outputs) {
    const tensor = tensors.get(key)!;
    if (tensor.ready) continue;
    const loose = tensor.from.find(from => !tensors.get(from)?.ready);
    refuse(
      `output '${key}' for ensemble '${name}' is not written${loose === undefined ? "" : `: at least one of its depending tensors, '${loose}', is not connected`}`,
    );
  }
  // Triton walks its hash map, which gives the newest first.
  for (const [key, { readers, ready }] of [...tensors].toReversed())
    if (!outputs.has(key) && (readers === 0 || !ready))
      refuse(`ensemble tensor '${key}' is unused in ensemble '${name}'`);
}
