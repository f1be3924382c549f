/**
 * The stages of a Triton ensemble, from outside: its members are called in order with the outputs of the members before them.
 */
import type { RequestTensor } from "../../server/contract.js";
import type { DiffTarget, RecordedRequest, StageTrace } from "./diff-target.js";

/** Empty for a model that is not an ensemble; ends if a member refuses or streams. */
export async function ensembleStages(target: DiffTarget, request: RecordedRequest): Promise<readonly StageTrace[]> {
  const config = await target.config(request.model);
  const steps = [...(config?.ensemble_scheduling?.step ?? [])];
  const known = new Map<string, RequestTensor>(request.inputs.map(tensor => [tensor.name, tensor]));
  const traces: StageTrace[] = [];
  for (;;) {
    const at = steps.findIndex(({ input_map }) => Object.values(input_map).every(name => known.has(name)));
    const [step] = at < 0 ? [] : steps.splice(at, 1);
    if (!step) return traces;
    const inputs = Object.entries(step.input_map).map(([member, name]) => ({ ...known.get(name)!, name: member }));
    const { answers, error } = await target.send({
      ...request,
      model: step.model_name,
      version: step.model_version > 0 ? String(step.model_version) : "",
      inputs,
      outputs: Object.keys(step.output_map),
      stream: false,
    });
    if (error || answers.length !== 1) return traces;
    const made = answers[0]!.outputs.flatMap((tensor): RequestTensor[] => {
      const name = step.output_map[tensor.name];
      return name === undefined ? [] : [{ ...tensor, name }];
    });
    for (const tensor of made) known.set(tensor.name, tensor);
    traces.push({ stage: step.model_name, tensors: made });
  }
}
