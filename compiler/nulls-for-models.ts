/** Columns that can be null, and that a step reads which fails for nulls: they are found before a request has one. */
import { columnsReadBy } from "../contract/any-step.js";
import { expandFused } from "../contract/expand-fused.js";
import { type AnyStep, type ColumnRef, type Plan, REQUEST_STEP } from "../contract/plan.js";
import { type ColumnSchema, hasNullLists, printType } from "../contract/schema.js";
import { refusesNulls } from "../contract/step-facts.js";
import { datatype } from "../triton-protos/datatype.js";
import type { InferredGraph } from "./3-graph/infer.js";
import { nullableColumns, workflowsOf } from "./5-emit/ensemble/nulls.js";
import { placeKey } from "./5-emit/ensemble/refs.js";
import { diagnosticAt, type Finding } from "./diagnostics/diagnostic.js";
import * as messages from "./diagnostics/messages.js";
import type { Program } from "./phase.js";
import { faultSite, siteRange } from "./place-faults.js";

/** Values that fill a column of a kind; a null float is NaN, which models take. */
const FILLS = { int: "0", uint: "0", bool: "false", string: '""' } as const;

/** @returns a warning for each nullable column of a model; none where nulls depend on a function or a join */
export function nullsForModels({ sources }: Program, inferred: InferredGraph, optimized: Plan): Finding[] {
  if (!optimized.steps.some(step => refusesNulls(step.op))) return [];
  const plan = expandFused(optimized);
  const nullable = nullableColumns(plan, workflowsOf(inferred.steps), new Set(), false);
  const siteOf = (id: string) => inferred.steps.find(step => step.id === id)?.site;
  return plan.steps
    .filter(step => refusesNulls(step.op))
    .flatMap(step =>
      columnsReadBy(step).flatMap((ref): Finding[] => {
        const schema = schemaAt(plan.steps, ref);
        const { kind } = schema ? datatype(schema.dtype) : { kind: "float" as const };
        // A model gets an empty list for a null one.
        if (!schema || kind === "float" || hasNullLists(schema) || !nullable.has(placeKey(ref))) return [];
        const made = siteOf(ref.step);
        // The variable's node has the column under its own name only.
        const variable = made !== undefined && ref.name === ref.column && sources.sites[made]?.variable;
        const path = "path" in step.params && typeof step.params.path === "string" ? step.params.path : step.label;
        const message = messages.schemaNullForModel({
          column: ref.name,
          type: printType(schema),
          reader: path,
          node: variable || "node",
          name: JSON.stringify(ref.name),
          value: FILLS[kind],
        });
        const related =
          made === undefined
            ? []
            : [{ note: `\`${ref.name}\` comes from here`, site: siteRange(sources, made, "whole") }];
        const site = faultSite(sources, { site: siteOf(step.id), blame: { literal: path } });
        return [diagnosticAt(site, message, related, "warning")];
      }),
    );
}

const schemaAt = (steps: readonly AnyStep[], { step: id, column }: ColumnRef): ColumnSchema | undefined =>
  id === REQUEST_STEP ? undefined : steps.find(step => step.id === id)?.outputs.find(({ name }) => name === column);
