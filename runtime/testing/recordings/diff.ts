/**
 * Sends recorded requests to two sides and compares the responses. If a request differs, it finds the first stage that does.
 */
import type { RequestTensor } from "../../server/contract.js";
import type { Exchange } from "../../server/recordings/exchange.js";
import { compareTensors, type Difference, type Measure } from "./compare-tensors.js";
import type { DiffTarget, Outcome, RecordedRequest, StageTrace } from "./diff-target.js";

export interface RequestDiff {
  /** Line in the cassette. */
  readonly line: number;
  readonly model: string;
  /** Empty: both sides answered the same. */
  readonly differences: readonly Difference[];
  /** The first stage that differs, where both sides' stages can be seen. */
  readonly stage?: { readonly name: string; readonly difference: Difference };
}

/** @param exchanges one is held at a time @param onDone called after each request, for a progress bar */
export async function diff(
  exchanges: Iterable<Exchange> | AsyncIterable<Exchange>,
  [a, b]: readonly [DiffTarget, DiffTarget],
  measure: Measure,
  onDone: () => void = () => {},
): Promise<readonly RequestDiff[]> {
  const results: RequestDiff[] = [];
  for await (const exchange of exchanges) {
    const [first, second] = [await a.send(exchange), await b.send(exchange)];
    const differences = compareOutcomes(first, second, measure);
    const stage = differences.length > 0 ? await firstStage(exchange, a, b, measure) : undefined;
    results.push({ line: exchange.line, model: exchange.model, differences, ...(stage && { stage }) });
    onDone();
  }
  return results;
}

const said = (text: string): Difference => ({ name: "", text, count: 1, of: 1 });

function compareOutcomes(a: Outcome, b: Outcome, measure: Measure): readonly Difference[] {
  const print = ({ error, answers }: Outcome): string =>
    error ? `${error.code}: ${error.message}` : `${answers.length} answers`;
  if (a.error || b.error)
    return a.error?.code === b.error?.code && a.error?.message === b.error?.message
      ? []
      : [said(`${print(a)} | ${print(b)}`)];
  if (a.answers.length !== b.answers.length) return [said(`${print(a)} | ${print(b)}`)];
  return a.answers.flatMap((answer, i) => {
    const other = b.answers[i]!;
    if (answer.error !== other.error)
      return [said(`answer ${i}: ${answer.error ?? "no fault"} | ${other.error ?? "no fault"}`)];
    return compareAll(answer.outputs, other.outputs, measure);
  });
}

function compareAll(a: StageTrace["tensors"], b: StageTrace["tensors"], measure: Measure): readonly Difference[] {
  const others = new Map(b.map(tensor => [tensor.name, tensor]));
  const found = a.flatMap(tensor => {
    const other = others.get(tensor.name);
    others.delete(tensor.name);
    if (!other) return [{ ...said("is on the first side only"), name: tensor.name }];
    return compareTensors(tensor, other, measure) ?? [];
  });
  return [...found, ...[...others.keys()].map(name => ({ ...said("is on the second side only"), name }))];
}

const stagesOf = async (target: DiffTarget, request: RecordedRequest): Promise<readonly StageTrace[]> => {
  const inside = await target.stages(request);
  return inside.length > 0 ? inside : ensembleStages(target, request);
};

/** Stages of one name are compared; where the layouts differ, tensors of one name. */
async function firstStage(
  request: RecordedRequest,
  a: DiffTarget,
  b: DiffTarget,
  measure: Measure,
): Promise<RequestDiff["stage"]> {
  const [mine, theirs] = [await stagesOf(a, request), await stagesOf(b, request)];
  const byStage = new Map(theirs.map(trace => [trace.stage, trace.tensors]));
  const byName = new Map(theirs.flatMap(({ tensors }) => tensors.map(tensor => [tensor.name, tensor] as const)));
  for (const { stage, tensors } of mine) {
    const same = byStage.get(stage);
    const pairs = same
      ? compareAll(tensors, same, measure)
      : compareAll(
          tensors.filter(({ name }) => byName.has(name)),
          tensors.flatMap(({ name }) => byName.get(name) ?? []),
          measure,
        );
    const [difference] = pairs;
    if (difference) return { name: stage, difference };
  }
  return undefined;
}

/**
 * The stages of a Triton ensemble, from outside: its members are called in order with the outputs of the members before them.
 * Empty for a model that is not an ensemble; ends if a member refuses or streams.
 */
async function ensembleStages(target: DiffTarget, request: RecordedRequest): Promise<readonly StageTrace[]> {
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
