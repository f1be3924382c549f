/** The columns that a fitted workflow makes, as a model's file notes them. */
import type { Plan } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import type { TrainedColumn } from "../merlin-schema/trained-on.js";
import { readWorkflow } from "./workflow.js";

/** By name; those of named parts too. @throws PlanError */
export function fittedColumns(folder: string): ReadonlyMap<string, TrainedColumn> {
  const { outputs, subgraphs = {} }: Plan = readWorkflow(folder);
  return new Map(
    [...Object.values(subgraphs).flat(), ...outputs].map(({ schema }) => [schema.name, trainedColumn(schema)]),
  );
}

export function trainedColumn({ name, dtype, tags, list, properties }: ColumnSchema): TrainedColumn {
  const { domain, vocabulary_sum: vocabulary } = properties;
  const { max, name: domainName } = typeof domain === "object" && domain && !Array.isArray(domain) ? domain : {};
  return {
    name,
    dtype,
    tags: [...tags],
    cardinality: typeof max === "number" ? max + 1 : null,
    is_list: list !== undefined,
    domain: domainName ?? null,
    vocabulary: typeof vocabulary === "string" ? vocabulary : null,
  };
}
