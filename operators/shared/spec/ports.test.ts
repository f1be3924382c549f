import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { OP_KINDS, OP_PARAMS, type OpKind } from "#contract/op-params.js";
import { isFittedOp, specOf } from "#contract/op-state.js";
import { PlanError, parsePlan } from "#contract/plan.js";

type Ref = { name: string; step: string; column: string };
interface RawStep {
  id: string;
  op: string;
  label: string;
  params: unknown;
  state?: unknown;
  artefacts?: Record<string, string>;
  inputs: Record<string, Ref[]>;
  outputs: { name: string; dtype: string }[];
  parts?: RawStep[];
}

/** Parameters that have no default. */
const GIVEN: Partial<Record<OpKind, object>> = { lookupCandidates: { path: "a.candidates" } };

const ref = (name: string): Ref => ({ name, step: "request", column: name });
const columns = (count: number) => Array.from({ length: count }, (_, i) => ref(`c${i}`));

/** A step with a column at each port that it has to have, or with as many as given. */
function stepOf(op: OpKind, counts: Readonly<Record<string, number | undefined>> = {}): RawStep {
  const { ports, makes } = specOf(op);
  const inputs = Object.fromEntries(
    Object.entries(ports).flatMap(([name, port]) => {
      const count = name in counts ? counts[name] : port.endsWith("?") ? undefined : 1;
      return count === undefined ? [] : [[name, columns(count)]];
    }),
  );
  const fixed = typeof makes === "function" ? makes(OP_PARAMS[op].parse(GIVEN[op] ?? {})) : makes;
  const outputs = fixed === "each" ? (inputs.input?.length ?? 1) : (fixed ?? 1);
  return {
    id: "one",
    op,
    label: "the step",
    params: GIVEN[op] ?? {},
    inputs,
    outputs: Array.from({ length: outputs }, (_, i) => ({ name: `o${i}`, dtype: "float32" })),
  };
}

const planOf = (step: RawStep): string =>
  JSON.stringify({
    format: "merlon/plan",
    version: 1,
    kind: "workflow",
    name: "p",
    inputs: columns(3).map(({ name }) => ({ name, dtype: "float32" })),
    steps: [step],
    outputs: [],
  });

const faultOf = (step: RawStep): string => {
  try {
    parsePlan(planOf(step), "plan.json");
    return "";
  } catch (error) {
    expect(error).toBeInstanceOf(PlanError);
    return (error as Error).message;
  }
};

const at = (op: string) => `plan.json: steps[0] (${op} "the step")`;

test.each(OP_KINDS)("%s: a port that is missing, has too many or too few columns, or is of no use", op => {
  const { ports } = specOf(op);
  for (const [name, port] of Object.entries(ports)) {
    const faults = {
      missing: faultOf(stepOf(op, { [name]: undefined })),
      none: faultOf(stepOf(op, { [name]: 0 })),
      two: faultOf(stepOf(op, { [name]: 2 })),
    };
    const isRefused = (fault: string) => fault.startsWith(`${at(op)}: port \`${name}\``);
    expect({ name, ...faults, missing: isRefused(faults.missing) }).toMatchObject({ missing: !port.endsWith("?") });
    expect({ name, ...faults, none: isRefused(faults.none) }).toMatchObject({ none: port !== "any" });
    expect({ name, ...faults, two: isRefused(faults.two) }).toMatchObject({ two: port.startsWith("one") });
  }
  for (const stray of ["nobody", "constructor"]) {
    const step = stepOf(op);
    const fault = faultOf({ ...step, inputs: { ...step.inputs, [stray]: columns(1) } });
    expect(fault).toContain(`${at(op)}: port \`${stray}\`: it has only \`input\``);
  }
});

test.each(OP_KINDS.filter(op => specOf(op).makes !== undefined))("%s: other columns than it makes", op => {
  // Files are checked before the number of columns, which may depend on parameters.
  const step = { ...stepOf(op), ...(op === "lookupCandidates" && { artefacts: { table: "a.candidates" } }) };
  const [first, ...others] = step.outputs;
  expect(faultOf({ ...step, outputs: others })).toContain(`it has ${others.length} output columns, and makes`);
  expect(faultOf({ ...step, outputs: [...step.outputs, { ...first!, name: "more" }] })).toContain("and makes");
});

test.each(["topK", "softmaxSampling"] as const)("%s: the option `propensity` makes two more columns", op => {
  const step = { ...stepOf(op), params: { propensity: true } };
  expect(faultOf(step)).toBe(`${at(op)}: it has 2 output columns, and makes 4.`);
  const [first] = step.outputs;
  const more = ["propensity", "list_propensity"].map(name => ({ ...first!, name }));
  expect(faultOf({ ...step, outputs: [...step.outputs, ...more] })).toBe("");
  expect(faultOf({ ...stepOf(op), outputs: [...step.outputs, ...more] })).toContain(
    "it has 4 output columns, and makes 2.",
  );
  expect(faultOf({ ...step, params: { propensity: "yes" } })).toContain(`${at(op)}.params.propensity`);
});

test.each(OP_KINDS)("%s: state, files and parts that are missing, or not its own", op => {
  const { learns, artefacts, hasParts } = specOf(op);
  const step = stepOf(op);
  expect(isFittedOp(op)).toBe(learns !== undefined);
  if (learns) expect(faultOf(step)).toBe(`${at(op)}.state is missing.`);
  else expect(faultOf({ ...step, state: {} })).toBe(`${at(op)}.state: the operator has none.`);
  if (artefacts) expect(faultOf(step)).toBe(`${at(op)}.artefacts is missing.`);
  else if (!learns)
    expect(faultOf({ ...step, artefacts: { index: "a" } })).toBe(`${at(op)}.artefacts: the operator has none.`);
  if (hasParts) expect(faultOf({ ...step, params: { outputs: {} } })).toContain(`${at(op)}.parts`);
});

const documents = [
  "../../../model-repo/recommend/1/plan.json",
  "../../../model-repo/recommend/1/workflows/etl-ranking/workflow.json",
  "../../../tests/samples/artefacts/etl/lists/workflow.json",
  "../../../tests/samples/ensemble-four-stages/expected.plan.json",
  "../../../tests/samples/ensemble-ordering/expected.plan.json",
  "../../../tests/samples/ensemble-merge/expected.plan.json",
];

test.each(documents)("%s is parsed, and refused without any one thing that a step of it carries", path => {
  const text = readFileSync(fileURLToPath(new URL(path, import.meta.url)), "utf8");
  const steps = parsePlan(text, path).steps.length;
  let tried = 0;
  for (let i = 0; i < steps; i++) {
    const without = (remove: (step: RawStep) => string | undefined) => {
      const document = JSON.parse(text) as { steps: RawStep[] };
      const removed = remove(document.steps[i]!);
      if (removed === undefined) return;
      tried++;
      const label = document.steps[i]!.label;
      expect(() => parsePlan(JSON.stringify(document), path), `${label} without ${removed}`).toThrow(
        expect.objectContaining({ name: "PlanError", message: expect.stringContaining(removed) }),
      );
    };
    const { inputs } = (JSON.parse(text) as { steps: RawStep[] }).steps[i]!;
    for (const port of Object.keys(inputs))
      without(step => {
        if (specOf(step.op as OpKind).ports[port]!.match(/\?|any/)) return undefined;
        delete step.inputs[port];
        return `port \`${port}\``;
      });
    without(step => {
      if (step.state === undefined) return undefined;
      delete step.state;
      return "state";
    });
    without(step => {
      const learnt = (step.state as { columns?: Record<string, unknown> } | undefined)?.columns;
      const [column] = Object.keys(learnt ?? {});
      if (!learnt || column === undefined) return undefined;
      delete learnt[column];
      return `has not learned column \`${column}\``;
    });
    for (const name of Object.keys((JSON.parse(text) as { steps: RawStep[] }).steps[i]!.artefacts ?? {}))
      without(step => {
        if (name === "ids") return undefined;
        delete step.artefacts![name];
        return "artefacts";
      });
  }
  expect(tried).toBeGreaterThan(0);
});
