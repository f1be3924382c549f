/**
 * Look-ups of one Feast view by one key column become one: it fetches every feature that either fetches, in one round trip.
 */

import { noteNames, type Pass } from "../../compiler/4-plan/pass.js";
import { withReferences } from "../../contract/any-step.js";
import type { OpParams } from "../../contract/op-params.js";
import type { AnyStep, ColumnRef, Step } from "../../contract/plan.js";
import type { ColumnSchema } from "../../contract/schema.js";
import { dropsRows } from "./spec.js";

type Lookup = Step<"queryFeast">;
type Missing = OpParams["queryFeast"]["onMissing"];

export const mergeLookups: Pass = (plan, note) => {
  const merged = new Map<string, Lookup>();
  /** `step\ncolumn` of a removed step → the column's new place. */
  const moved = new Map<string, Pick<ColumnRef, "step" | "column">>();
  const follow = (ref: ColumnRef): ColumnRef => ({ ...ref, ...moved.get(`${ref.step}\n${ref.column}`) });
  const steps: AnyStep[] = [];
  for (const step of plan.steps) {
    const next = withReferences(step, follow);
    if (next.op !== "queryFeast") {
      steps.push(next);
      continue;
    }
    const key = lookupKey(next);
    const first = merged.get(key);
    const both = first && merge(first, next);
    if (!first || !both) {
      merged.set(key, next);
      steps.push(next);
      continue;
    }
    merged.set(key, both.step);
    steps[steps.indexOf(first)] = both.step;
    for (const [column, now] of both.columns) moved.set(`${next.id}\n${column}`, { step: first.id, column: now });
    const [shared, added] = [next.outputs.length - both.added, both.added];
    note({
      step: next.id,
      into: first.id,
      text: `looks the same keys up in the same view as \`${first.id}\`, which ${added ? `now fetches ${noteNames(both.step.outputs.slice(-added).map(c => c.name))} too` : "fetches all of it"}`,
      saves: { steps: 1, lookups: 1, ...(shared && { columns: shared }) },
    });
  }
  return { ...plan, steps, outputs: plan.outputs.map(({ ref, schema }) => ({ ref: follow(ref), schema })) };
};

/** Equal for look-ups that one statement answers. */
const lookupKey = ({ id, params, inputs, artefacts, cache }: Lookup): string => {
  const { repository, view, entityColumn, ttl, bytes, memoryMb, timeoutMs, onMissing } = params;
  const keys = inputs.input.map(({ step, column }) => [step, column]);
  const single = typeof entityColumn === "string";
  // One that drops rows makes its own rows. Several returned keys are distinguished by their names.
  const own = dropsRows(onMissing) || (!single && params.includeId) ? id : single ? "" : entityColumn;
  return JSON.stringify([repository, artefacts.repository, view, keys, own, ttl, bytes, memoryMb, timeoutMs, cache]);
};

/**
 * The first step with the features of the second, and the new place of each of its columns; undefined if they disagree on a feature.
 */
function merge(
  first: Lookup,
  second: Lookup,
): { step: Lookup; columns: ReadonlyMap<string, string>; added: number } | undefined {
  const outputs = [...first.outputs];
  const features: Record<string, string> = { ...first.params.features };
  const rules = new Map(Object.keys(features).map(name => [name, ruleOf(first.params, name)]));
  const columns = new Map<string, string>();
  let { includeId } = first.params;
  for (const col of second.outputs) {
    const feature = second.params.features[col.name];
    if (feature === undefined) {
      const id = outputs.find(c => features[c.name] === undefined);
      if (!id) outputs.push({ ...col, name: freeName(col.name, outputs) });
      includeId = true;
      columns.set(col.name, (id ?? outputs.at(-1)!).name);
      continue;
    }
    const rule = ruleOf(second.params, col.name);
    const same = Object.keys(features).find(name => features[name] === feature);
    if (same !== undefined) {
      if (JSON.stringify(rules.get(same)) !== JSON.stringify(rule)) return undefined;
      columns.set(col.name, same);
      continue;
    }
    const name = freeName(col.name, outputs);
    outputs.push({ ...col, name });
    features[name] = feature;
    rules.set(name, rule);
    columns.set(col.name, name);
  }
  const onMissing = uniform([...rules.values()]) ?? (Object.fromEntries(rules) as Missing);
  const step = { ...first, params: { ...first.params, features, includeId, onMissing }, outputs };
  return { step, columns, added: outputs.length - first.outputs.length };
}

type Rule = Exclude<Missing, Readonly<Record<string, unknown>>> | { readonly default: unknown };

/** The rule for one column if its entity is unknown; a record's rule is by column, then by feature. */
function ruleOf({ onMissing, features }: OpParams["queryFeast"], column: string): Rule {
  if (typeof onMissing === "string") return onMissing;
  const keys = Object.keys(onMissing);
  const given = (onMissing as { default?: unknown }).default;
  // `{ default: 0 }` is a rule for all; `{ default: "null" }` is a record for a feature of that name.
  if (
    keys.length === 1 &&
    keys[0] === "default" &&
    (typeof given !== "object" || Array.isArray(given)) &&
    given !== "error" &&
    given !== "null" &&
    given !== "drop"
  )
    return onMissing as { default: unknown };
  const record = onMissing as Readonly<Record<string, Rule>>;
  return record[column] ?? record[features[column]!] ?? "error";
}

/** The rule all share, in the short form that plans carry; undefined when they differ. A default list has only the form of a record. */
function uniform(rules: readonly Rule[]): Missing | undefined {
  const [first] = rules;
  if (first === undefined) return "error";
  if (rules.some(rule => JSON.stringify(rule) !== JSON.stringify(first))) return undefined;
  if (typeof first === "object" && Array.isArray(first.default)) return undefined;
  return first as Missing;
}

/** Columns of one step have unique names; readers know theirs by the reference's name, so it may change. */
function freeName(name: string, taken: readonly ColumnSchema[]): string {
  let free = name;
  for (let n = 2; taken.some(c => c.name === free); n++) free = `${name}#${n}`;
  return free;
}
