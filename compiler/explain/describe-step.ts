/**
 * A step → what it does, in a few words, as its operator's spec says it.
 */
import { columnsAt } from "../../contract/any-step.js";
import type { AnyStep } from "../../contract/plan.js";
import { SPECS } from "../../operators/gen/specs.js";
import type { Described } from "../../operators/shared/spec/operator.js";

export function describeStep(step: AnyStep): string {
  const describe = SPECS[step.op].describe as unknown as (step: Described<object>) => string;
  const does = describe({
    params: step.params,
    names: port => (columnsAt(step, port) ?? []).map(ref => ref.name).join(", "),
    has: port => columnsAt(step, port) !== undefined,
    parts: (step.parts ?? []).map(describeStep),
  });
  if (!step.cache) return does;
  const { ttlSeconds, maxRows, key } = step.cache;
  return `${does}; keeps ${maxRows} rows for ${ttlSeconds} s${key ? ` by ${key.join(", ")}` : ""}`;
}
