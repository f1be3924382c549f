/** Requests of a served plan → their answers, with the reports of the run that they request. */
import type { AnyStep, Plan } from "../../../contract/plan.js";
import { armsOf, partsOf } from "../../../contract/step-facts.js";
import type { Column, Rows } from "../../base/columns/table.js";
import { invalid, RuntimeFault } from "../../base/errors.js";
import type { ModelVersion } from "../../base/model-version.js";
import { atOnce, inSlices } from "../../base/slices.js";
import type { Parameter, Tensor } from "../../base/tensor.js";
import { explainText } from "../../engine/explain/explain-candidates.js";
import { stageNotes, stepTensors } from "../../engine/explain/stage-notes.js";
import type { ArmCounters, RunContext, RunModels } from "../../engine/schedule/kernel.js";
import type { ModelRef } from "../../engine/schedule/lease.js";
import type { ExecutablePlan, PlanResult, StageRun } from "../../engine/schedule/plan-result.js";
import type { BackendRequest, BackendResponse } from "../contract.js";
import type { LoggedRequest, PlanExposures } from "../exposures/log-run.js";
import type { TracedStage, TraceNotes } from "../observe/tracing/trace.js";
import { writeTensorJson } from "../requests/tensor-json.js";
import { planRows } from "../scheduling/plan-rows.js";
import type { LoadContext } from "./backend.js";
import { joinInputs } from "./join-batch.js";
import { allGone, byModels, columnsOfRows, mayBeOnes, mayShareRun } from "./merlon-batch.js";

/** How a model's columns travel. */
export interface Form {
  read(tensors: ReadonlyMap<string, Tensor>): { columns: ReadonlyMap<string, Column>; request: Rows | undefined };
  write(columns: ReadonlyMap<string, Column>, request: Rows | undefined, asked: ReadonlySet<string>): readonly Tensor[];
}

export interface Served {
  readonly executable: ExecutablePlan;
  readonly form: Form;
  readonly context: LoadContext;
  /** Rows that the plan makes for each row of a request. */
  readonly candidates: number;
  /** Models that the plan calls. */
  readonly asked: readonly string[];
  /** The same, as a lease takes them. */
  readonly dependencies: readonly ModelRef[];
  /** Steps that assign the request's rows to arms. */
  readonly splits: readonly { readonly step: AnyStep; readonly arms: readonly ArmCounters[] }[];
  /** Identifies its `plan.json`. */
  readonly build: string;
  /** Logs what is shown, if the plan and the server have a log. */
  readonly exposures?: PlanExposures | undefined;
}

/** The context of one run: filled in, and not spread, since there is one for each request. */
type NewRun = { -readonly [K in keyof RunContext]: RunContext[K] };

/** Requests that may share one run do; the others have one each. */
export async function answerBatch(
  served: Served,
  requests: readonly BackendRequest[],
): Promise<readonly (BackendResponse | RuntimeFault)[]> {
  const answers = new Map<BackendRequest, BackendResponse | RuntimeFault>();
  const runs = [
    ...byModels(requests.filter(mayShareRun), served.asked, served.context.namespace),
    ...requests.flatMap(request => (mayShareRun(request) ? [] : [[request]])),
  ];
  await Promise.all(
    runs.map(async run => {
      const made = run.length > 1 ? await answerTogether(served, run) : [await answer(served, run[0]!)];
      for (const [i, one] of made.entries()) answers.set(run[i]!, one);
    }),
  );
  return requests.map(request => answers.get(request)!);
}

async function answerTogether(
  served: Served,
  requests: readonly BackendRequest[],
): Promise<readonly (BackendResponse | RuntimeFault)[]> {
  const { form, context } = served;
  const seeds = requests.map(request => seedOf(request, context));
  const gone = allGone(requests);
  const exposures = requests[0]!.isWarmUp ? undefined : served.exposures;
  const versions: Versions = {};
  try {
    if (exposures) await exposures.admit();
    const { columns, request: rows } = form.read(joinInputs(requests, context.config));
    const result = await runCounted(
      served,
      requests[0]!,
      columns,
      {
        seed: seeds[0]!,
        seeds: requests.flatMap(({ batch }, i) => new Array<bigint>(batch).fill(seeds[i]!)),
        parameters: new Map(),
        // A server's warm-ups never share a run with clients' requests.
        ...(requests[0]!.isWarmUp && { uncounted: true, isWarmUp: true }),
        ...(gone.signal && { signal: gone.signal }),
        ...(exposures?.hasShadows && {
          onShadow: (step, comparison) => exposures.logShadow(step, comparison, loggedBatch(requests, seeds), versions),
        }),
      },
      versions,
    );
    const unlogged = exposures?.log(result, loggedBatch(requests, seeds), versions);
    let from = 0;
    return requests.map(request => {
      const { batch, requestedOutputs, signal } = request;
      const own = columnsOfRows(result.columns, rows!, from, from + batch);
      const fault = unlogged?.get(from);
      const arms = armParameters(served.splits, result, from, from + batch);
      noteArms(request, arms);
      from += batch;
      if (signal?.aborted) return new RuntimeFault("CANCELLED", "the request was cancelled");
      if (fault) return fault;
      const outputs = outputsOf(form, own.columns, own.request, requestedOutputs);
      return arms.length > 0 ? { outputs, parameters: new Map(arms) } : { outputs };
    });
  } catch (error) {
    if (mayBeOnes(error)) return Promise.all(requests.map((request, i) => answer(served, request, seeds[i])));
    return requests.map(() => RuntimeFault.from(error));
  } finally {
    gone.release();
  }
}

/** Versions of the models that a run calls. */
type Versions = Record<string, string>;

function noteVersions(models: RunModels, dependencies: readonly ModelRef[], versions: Versions): void {
  for (const { model } of dependencies)
    try {
      const loaded = models.loaded?.(model) as { readonly version?: ModelVersion } | undefined;
      if (loaded?.version !== undefined) versions[model] = String(loaded.version);
    } catch {
      // A step that needs the model fails, or a fallback runs without it.
    }
}

/** A request that was cancelled was shown nothing. */
function loggedOne(
  { id, batch, parameters, signal, isWarmUp }: BackendRequest,
  seed: bigint,
): readonly LoggedRequest[] {
  if (isWarmUp || signal?.aborted) return [];
  return [{ id, from: 0, to: batch, seed, isSeeded: parameters.has("seed") }];
}

function loggedBatch(requests: readonly BackendRequest[], seeds: readonly bigint[]): readonly LoggedRequest[] {
  let to = 0;
  return requests.flatMap(({ id, batch, signal, isWarmUp }, i) => {
    const from = to;
    to += batch;
    return isWarmUp || signal?.aborted ? [] : [{ id, from, to, seed: seeds[i]!, isSeeded: false }];
  });
}

/** Rows of a run, candidates included. */
function rowsOf(columns: ReadonlyMap<string, Column>, { candidates }: Served): number {
  let most = 1;
  for (const { rows } of columns.values()) most = Math.max(most, rows.count);
  return most * candidates;
}

/** A run of many rows waits for its turn, and yields between its stages. @throws RuntimeFault at once or later */
function runCounted(
  served: Served,
  request: BackendRequest,
  columns: ReadonlyMap<string, Column>,
  run: NewRun,
  versions?: Versions,
): PlanResult | Promise<PlanResult> {
  const rows = rowsOf(columns, served);
  if (!planRows.isWide(rows)) return runPlan(served, request, columns, run, versions);
  run.yields = true;
  // The run that this one is a part of may hold the rows that it would wait for.
  if (request.lease) return runPlan(served, request, columns, run, versions);
  return planRows.run(rows, async () => runPlan(served, request, columns, run, versions), run.signal);
}

/** One run, in which each model has one version, whatever is loaded meanwhile. @throws RuntimeFault at once or later */
function runPlan(
  { executable, context, dependencies }: Served,
  { lease }: BackendRequest,
  columns: ReadonlyMap<string, Column>,
  run: NewRun,
  versions?: Versions,
): PlanResult | Promise<PlanResult> {
  const models = dependencies.length > 0 ? context.models.lease?.(dependencies, lease) : undefined;
  if (!models) return executable.run(columns, run);
  let later = false;
  try {
    run.models = models;
    if (versions) noteVersions(models, dependencies, versions);
    const result = executable.run(columns, run);
    if (!(result instanceof Promise)) return result;
    later = true;
    return result.finally(() => models.end());
  } finally {
    if (!later) models.end();
  }
}

/** The requested ones, by name. */
function outputsOf(
  form: Form,
  columns: ReadonlyMap<string, Column>,
  request: Rows | undefined,
  asked: ReadonlySet<string>,
): readonly Tensor[] {
  const written = form.write(columns, request, asked);
  const wanted = written.every(tensor => asked.has(tensor.name))
    ? written
    : written.filter(tensor => asked.has(tensor.name));
  for (let i = 1; i < wanted.length; i++)
    if (wanted[i - 1]!.name > wanted[i]!.name) return wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return wanted;
}

/** Warm-ups draw none: a sequence of seeds that can be repeated belongs to the clients. */
const seedOf = ({ isWarmUp }: BackendRequest, { drawSeed }: LoadContext): bigint => (isWarmUp ? 0n : drawSeed());

type Answer = BackendResponse | RuntimeFault;

/** @param drawn a seed that was drawn for it before @returns at once where no stage has to wait */
export function answer(served: Served, request: BackendRequest, drawn?: bigint): Answer | Promise<Answer> {
  if (!served.exposures || request.isWarmUp) return answerNow(served, request, drawn);
  try {
    const room = served.exposures.admit();
    return room ? room.then(() => answerNow(served, request, drawn)) : answerNow(served, request, drawn);
  } catch (error) {
    return RuntimeFault.from(error);
  }
}

function answerNow(served: Served, request: BackendRequest, drawn?: bigint): Answer | Promise<Answer> {
  const { form, context, exposures } = served;
  const { parameters, signal } = request;
  try {
    const { columns, request: rows } = form.read(request.inputs);
    if (parameters.size > 0 && !request.lease) checkFlags(parameters);
    const seed = parameters.has("seed") ? readSeed(parameters.get("seed")!) : (drawn ?? seedOf(request, context));
    const isWarmUp = request.isWarmUp === true;
    // Always there, so that the code that a warm-up compiled fits clients' runs.
    const run: NewRun = { seed, parameters, uncounted: isWarmUp, isWarmUp };
    if (signal) run.signal = signal;
    const versions: Versions | undefined = exposures && {};
    let logged: readonly LoggedRequest[] | undefined;
    if (exposures?.hasShadows)
      run.onShadow = (step, comparison) => {
        if (logged) exposures.logShadow(step, comparison, logged, versions!);
      };
    const result = runCounted(served, request, columns, run, versions);
    const respond = (made: PlanResult, explained?: string): Answer => {
      const response = responseOf(served, request, rows, made, explained);
      logged = versions && loggedOne(request, seed);
      if (!logged || logged.length === 0) return response;
      return exposures!.log(made, logged, versions!).get(0) ?? response;
    };
    if (!(result instanceof Promise)) return respond(result);
    const isSliced = run.yields && parameters.get("explain") === true;
    return (
      isSliced
        ? result.then(async made => respond(made, await inSlices(explainText(served.executable.plan, made), signal)))
        : result.then(made => respond(made))
    ).catch(error => RuntimeFault.from(error));
  } catch (error) {
    return RuntimeFault.from(error);
  }
}

/** @param explained what became of each candidate, for each request row, if that is known already @throws RuntimeFault */
function responseOf(
  { executable, form, splits, build }: Served,
  request: BackendRequest,
  rows: Rows | undefined,
  result: PlanResult,
  explained?: string,
): BackendResponse {
  const { plan } = executable;
  const { parameters, requestedOutputs, trace } = request;
  if (trace) noteRun(trace, plan, result);
  const arms = armParameters(splits, result);
  noteArms(request, arms);
  const outputs = outputsOf(form, result.columns, rows, requestedOutputs);
  if (parameters.size === 0 && splits.length === 0) return { outputs };
  const [timings, explain] = [parameters.get("timings") === true, parameters.get("explain") === true];
  const told = new Map<string, Parameter>([
    ...arms,
    ...(timings ? timingParameters(plan, result) : []),
    ...(explain
      ? [["explain", explained ?? atOnce(explainText(plan, result))] as const, ...searchParameters(plan, result)]
      : []),
    ...(timings || explain ? [...fallbackParameters(plan, result), ...leftOutParameters(plan, result)] : []),
    ...(explain ? emptyParameters(executable.counters) : []),
    ...(parameters.get("stages") === true ? stageParameters(plan, result) : []),
    ...(parameters.get("plan") === true ? [["plan", build] as const] : []),
  ]);
  return told.size > 0 ? { outputs, parameters: told } : { outputs };
}

/** Elements of each tensor that a trace keeps of a stage. */
const TRACED_ELEMENTS = 200;

function noteRun(trace: TraceNotes, plan: Plan, result: PlanResult): void {
  const { insides, timestamps } = trace.levels;
  if (!timestamps) return;
  const traced = ({ step, began, ended, rowsIn, rowsOut }: StageRun): TracedStage => ({
    name: step.label,
    op: step.op,
    startNs: began * 1e6,
    endNs: ended * 1e6,
    rowsIn,
    rowsOut,
    ...(insides && { tensors: stepTensors(step, result.columnOf, TRACED_ELEMENTS) }),
  });
  trace.ran(result.runs.map(traced), insides && !plan.stage ? storiesOf(plan, result) : undefined);
}

/** None if there are too many: the answer matters more. */
function storiesOf(plan: Plan, result: PlanResult): string | undefined {
  try {
    return atOnce(explainText(plan, result));
  } catch (error) {
    if (error instanceof RuntimeFault) return undefined;
    throw error;
  }
}

/** A flag of another type would be ignored without a word. A parameter that an ensemble passes on may be for another member. */
function checkFlags(parameters: ReadonlyMap<string, Parameter>): void {
  for (const name of ["timings", "explain", "stages", "plan"]) {
    const value = parameters.get(name);
    if (value === undefined || typeof value === "boolean") continue;
    const seen = typeof value === "bigint" ? value : JSON.stringify(value);
    throw invalid(`parameter '${name}' is ${seen}; expected true or false`);
  }
}

function readSeed(value: Parameter): bigint {
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) return BigInt(value);
  throw invalid(`parameter 'seed' is ${JSON.stringify(value)}; expected an integer`);
}

/** Under `search.LABEL` the filtered searches of a step: rows, items that fulfill the condition, all items, and the way. */
const searchParameters = (plan: Plan, { searches }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(({ id, label }) => {
      const found = searches.get(id);
      return found ? [[`search.${label}`, JSON.stringify(found)] as const] : [];
    }),
  );

/** Under `stage.LABEL` the tensors of a step, as a cassette has them. */
const stageParameters = (plan: Plan, result: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    stageNotes(plan, result).map(({ stage, tensors }) => [
      `stage.${stage}`,
      JSON.stringify(tensors.map(writeTensorJson)),
    ]),
  );

const fallbackParameters = (plan: Plan, { fallbacks }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(step => {
      const reason = fallbacks.get(step.id);
      return reason === undefined ? [] : [[`fallback.${step.label}`, reason] as const];
    }),
  );

/** Under `empty.LABEL` what a step has lacked in every run of the last minute. */
const emptyParameters = (counters: ExecutablePlan["counters"]): (readonly [string, Parameter])[] =>
  counters.flatMap(({ stage, empty = [] }) =>
    empty.length > 0 ? [[`empty.${stage}`, empty.join("; ")] as const] : [],
  );

/** Under `left_out.LABEL` the sources that a merge left out, and why. */
const leftOutParameters = (plan: Plan, { leftOut }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(step => {
      const reasons = leftOut.get(step.id);
      if (!reasons) return [];
      const names = partsOf(step);
      const all = [...reasons].map(([port, reason]) => `${names?.get(port) ?? port}: ${reason}`);
      return [[`left_out.${step.label}`, all.join("; ")] as const];
    }),
  );

/**
 * The arm of each row, under `arm` or, of several splits, `arm.LABEL`: a name for one row, else a JSON list. Under `arm_stopped` the arms
 * that a guardrail has stopped, if there are any.
 */
const armParameters = (
  splits: Served["splits"],
  { sides }: PlanResult,
  from = 0,
  end?: number,
): (readonly [string, Parameter])[] =>
  splits.flatMap(({ step, arms: counters }) => {
    const taken = sides.get(step.id);
    if (!taken) return [];
    const names = armsOf(step)!;
    const arms = Array.from(taken, side => names[side]!).slice(from, end);
    const stopped = counters.flatMap(({ name, isStopped }) => (isStopped ? [name] : []));
    const suffix = splits.length === 1 ? "" : `.${step.label}`;
    return [
      [`arm${suffix}`, listed(arms)] as const,
      ...(stopped.length > 0 ? [[`arm_stopped${suffix}`, listed(stopped)] as const] : []),
    ];
  });

/** Writes the arms to the request's trace and to a verbose log: one text, with the names of steps if there are several splits. */
function noteArms({ trace, states }: BackendRequest, arms: readonly (readonly [string, Parameter])[]): void {
  if (arms.length === 0 || (!trace && !states)) return;
  const [[, first]] = arms as [(typeof arms)[number]];
  const text = arms.length === 1 ? String(first) : arms.map(([name, value]) => `${name}: ${value}`).join(", ");
  trace?.arm?.(text);
  states?.arm(text);
}

const listed = (names: readonly string[]): string => (names.length === 1 ? names[0]! : JSON.stringify(names));

const timingParameters = (plan: Plan, { timings, parts }: PlanResult): ReadonlyMap<string, Parameter> =>
  new Map(
    plan.steps.flatMap(step =>
      step.parts
        ? step.parts.map(part => [`timing.${part.label}`, Math.round(parts.get(part.id) ?? 0)] as const)
        : [[`timing.${step.label}`, timings.get(step.id) ?? 0] as const],
    ),
  );
