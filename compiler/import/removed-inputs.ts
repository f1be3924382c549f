/**
 * Columns of a training workflow that requests do not have, as NVTabular's `Workflow.remove_inputs`. A column that is made of them alone is
 * removed. One that is made of others too is a fault: the original removes it silently.
 */
import { columnsReadBy } from "../../contract/any-step.js";
import type { AnyStep, ColumnRef, Plan } from "../../contract/plan.js";
import { sourcesByOutput } from "../../contract/restrict-plan.js";
import { factsOf } from "../../contract/step-facts.js";
import { didYouMean, listNames } from "../diagnostics/diagnostic.js";
import { ImportError } from "./nvtabular-graph.js";

interface Removal {
  readonly removeInputs: readonly string[];
  /** The file to edit, for messages. */
  readonly program: string;
}

export interface KeptOutputs {
  readonly kept: readonly string[];
  readonly removed: readonly string[];
  /** Subgraphs of removed columns alone. */
  readonly removedSubgraphs: ReadonlySet<string>;
}

/**
 * @param plan fitted, so that no step reads what it learned from
 * @param declared columns of the program's source
 * @throws ImportError for a column that the source does not declare, an output that is made of other columns too, and if no output is left
 */
export function splitOutputs(
  plan: Plan,
  { removeInputs, declared, program }: Removal & { readonly declared: readonly string[] },
): KeptOutputs {
  const unknown = removeInputs.find(name => !declared.includes(name));
  if (unknown !== undefined)
    throw new ImportError(
      `--remove-inputs names \`${unknown}\`, which is not an input of the workflow.${didYouMean(unknown, declared)} Its inputs are ${listNames(declared, 20)}.`,
    );
  const outputs = [...sourcesByOutput(plan)].map(([name, sources]) => ({
    name,
    gone: [...sources].filter(source => removeInputs.includes(source)),
    left: [...sources].filter(source => !removeInputs.includes(source)),
  }));
  const mixed = outputs.find(({ gone, left }) => gone.length > 0 && left.length > 0);
  if (mixed)
    throw new ImportError(
      `column \`${mixed.name}\` is made of ${listNames(mixed.gone)}, which --remove-inputs names, and of ${listNames(mixed.left)}. Name ${mixed.left.length > 1 ? "them" : "it"} too, or delete the column from ${program} and run \`merlon fit\`.`,
    );
  const namesOf = (some: typeof outputs) => some.map(({ name }) => name);
  const kept = namesOf(outputs.filter(({ gone }) => gone.length === 0));
  if (kept.length === 0)
    throw new ImportError(
      `all columns of the workflow are made of ${listNames(removeInputs)}, which --remove-inputs names. Name fewer columns.`,
    );
  return {
    kept,
    removed: namesOf(outputs.filter(({ gone }) => gone.length > 0)),
    removedSubgraphs: subgraphsOf(plan, { removeInputs, program }),
  };
}

function subgraphsOf(plan: Plan, { removeInputs, program }: Removal): ReadonlySet<string> {
  const removed = new Set<string>();
  for (const [subgraph, outputs] of Object.entries(plan.subgraphs ?? {})) {
    const columns = [...sourcesByOutput(plan, outputs)];
    const gone = columns.filter(([, sources]) => removeInputs.some(name => sources.has(name)));
    if (gone.length === columns.length) removed.add(subgraph);
    else if (gone.length > 0)
      throw new ImportError(
        `column \`${gone[0]![0]}\` of subgraph \`${subgraph}\` is made of ${listNames(removeInputs.filter(name => gone[0]![1].has(name)))}, which --remove-inputs names, and the subgraph has other columns. Delete the column from it in ${program}, and run \`merlon fit\`.`,
      );
  }
  return removed;
}

/** @throws ImportError for a step that decides on rows by a removed column, as a filter of labels does */
export function requireWithout(plan: Plan, { removeInputs, program }: Removal): void {
  const left = plan.inputs.find(({ name }) => removeInputs.includes(name))?.name;
  if (left === undefined) return;
  const reads = (step: AnyStep): boolean => columnsReadBy(step).some(ref => isMadeOf(plan, ref, left));
  const reader = plan.steps.find(step => factsOf(step.op).leavesOut && reads(step)) ?? plan.steps.find(reads);
  throw new ImportError(
    `step \`${reader?.label}\` (${reader?.op}) reads \`${left}\`, which --remove-inputs names, and other columns need its rows. Delete the step from ${program} and run \`merlon fit\`.`,
  );
}

const isMadeOf = (plan: Plan, ref: ColumnRef, input: string): boolean =>
  sourcesByOutput(plan, [{ ref, schema: { name: ref.name } }])
    .get(ref.name)!
    .has(input);
