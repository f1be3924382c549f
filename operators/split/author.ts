/** One of several arms, by a hash of each row's key. */
import { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import * as messages from "../../compiler/diagnostics/messages.js";
import { Op } from "../../compiler/dsl/node.js";
import { printType, REQUEST_ROWS } from "../../contract/schema.js";
import type { Bound } from "../shared/author/bound.js";
import { describeRows, needOne, sameRows } from "../shared/author/columns.js";
import { type Call, defineOp, type Inferred } from "../shared/author/define-op.js";
import { twins } from "../shared/author/twins.js";
import type { Arms, EqualArms, SplitOptions, SplitRule } from "./author-types.js";
import { ARM_PORTS, type Guardrail, guardrailParams } from "./spec.js";

/**
 * Takes the columns of one of several arms for each row, for an experiment. The left operand is the key, such as the user's id. An arm is a
 * node. All arms have columns of the same names and types. They are candidates of the key's rows, or columns of these rows. Arms that no row
 * of a request takes are not run.
 *
 * The arm is a function of key, `salt` and the arms' names and weights, so that a user keeps it. If a weight grows, keys move only to that
 * arm (weighted rendezvous hashing). All null keys are one key. A request names the arm of all its rows by the parameter `arm`. If
 * a program has several splits, it is `arm.STEP`, with the step's name. The answer's parameter of the same name has the arm, and a JSON
 * list of the rows' arms for a request with several rows.
 * @param arms two to eight nodes by name
 * @param options.weights shares of the keys by arm, which sum to 1; one arm without a weight has the rest @default equal shares
 * @param options.salt another salt is another assignment, as for the next experiment @default the names of the arms
 * @param options.guardrail stops an arm other than the first if its share of failed requests is above `errorRate`. `p99Ms` limits the time of
 * its own steps, which 1 % of requests may exceed. Looks at the last `window` users (500), from `minimum` on (100). Users of a stopped arm
 * get the first one, until the model is loaded again or after `resumeSeconds`
 * @example request["user_id"] >> split({ control, treatment }, { weights: { treatment: 0.1 }, salt: "ranking-2" })
 */
export const split = <const A extends Arms>(arms: EqualArms<A>, options: SplitOptions<A> = {}): Op<SplitRule<A>> => {
  const names = Object.keys(arms ?? {});
  const dependencies = Object.fromEntries(
    ARM_PORTS.flatMap((port, i) => (i < names.length ? [[port, (arms as Arms)[names[i]!]]] : [])),
  );
  return new Op("split", { ...options, arms: names }, dependencies);
};

const armName = z.string().regex(/^[A-Za-z_][\w-]{0,63}$/);

const authored = z.strictObject({
  arms: z.array(z.string()),
  weights: z.record(z.string(), z.number().min(0).max(1)).optional(),
  salt: z.string().optional(),
  guardrail: guardrailParams.optional(),
});

export const splitOp = defineOp({
  kind: "split",
  positional: ["arms"],
  params: authored,
  infer: call => {
    const { arms: names, weights, salt, guardrail } = call.params;
    const fault = namesFault(names) ?? armWeights.fault(names, weights) ?? (guardrail && guardrailFault(guardrail));
    if (fault) return call.fail(messages.graphParameter({ operator: "split", ...fault }), "right");
    const key = needOne(call, call.input, "`split`", "split(...)");
    if (!key) return undefined;
    if (key.column.list || key.column.rows !== REQUEST_ROWS)
      return call.fail(
        messages.schemaDtypeUnsupported({
          operator: "split",
          wanted: "one key per request row",
          column: key.column.name,
          seen: key.column.list
            ? printType(key.column)
            : `one ${printType(key.column)} per ${describeRows(key.column.rows)}`,
          way: "Take a column that has one value per request row, such as the user's id.",
        }),
        "left",
      );
    const branches = branchesOf(call, names);
    if (!branches) return undefined;
    const shares = armWeights.of(names, weights);
    return inferred(call, key, branches, {
      arms: names.map((name, i) => ({ name, weight: shares[i]! })),
      salt: salt ?? names.join(" "),
      ...(guardrail && { guardrail }),
    });
  },
});

interface Fault {
  readonly problem: string;
  readonly way: string;
}

function namesFault(names: readonly string[]): Fault | undefined {
  if (names.length < 2 || names.length > ARM_PORTS.length)
    return {
      problem: `it has ${names.length === 1 ? "1 arm" : `${names.length} arms`}, and takes 2 to ${ARM_PORTS.length}.`,
      way: "Write the arms as a record: `split({ control, treatment })`.",
    };
  const strange = names.find(name => !armName.safeParse(name).success);
  return strange === undefined
    ? undefined
    : {
        problem: `the arm ${JSON.stringify(strange)} has a name that metrics and logs can not carry.`,
        way: "Name it with letters, digits, `_` and `-`, a letter first, 64 characters at most.",
      };
}

function guardrailFault({ errorRate, p99Ms, window, minimum }: Guardrail): Fault | undefined {
  if (errorRate === undefined && p99Ms === undefined)
    return {
      problem: "`guardrail` has no limit.",
      way: "Give it `errorRate`, such as 0.02, or `p99Ms`, such as 50, or both.",
    };
  return minimum > window
    ? {
        problem: `\`guardrail\` judges an arm from ${minimum} users on (\`minimum\`), and its window has ${window}.`,
        way: "Let `minimum` be at most `window`.",
      }
    : undefined;
}

/** The columns of each arm in the order of the first; reports a column that one lacks, and other rows. */
function branchesOf(call: Call<unknown>, names: readonly string[]): readonly (readonly Bound[])[] | undefined {
  const branches: (readonly Bound[])[] = [];
  for (const [i, name] of names.entries()) {
    const port = ARM_PORTS[i]!;
    const scope = call.dependency(port);
    const found = i === 0 ? scope : twins(call, branches[0]!, { port, reader: `Arm \`${name}\`` });
    if (!found || found.length === 0 || !sameRows(call, found, `Arm \`${name}\``)) return undefined;
    const stray = i === 0 ? undefined : scope.find(({ column }) => !found.some(one => one.column.name === column.name));
    if (stray)
      return call.refuse(
        `arm \`${name}\` has \`${stray.column.name}\`, and arm \`${names[0]}\` has only ${listNames(found.map(one => one.column.name))}.`,
        "Pick the same columns in each arm, with `[]`.",
        { dependency: port },
      );
    branches.push(found);
  }
  return branches;
}

function inferred(
  call: Call<unknown>,
  key: Bound,
  branches: readonly (readonly Bound[])[],
  params: Inferred<"split">["params"],
): Inferred<"split"> | undefined {
  const { rows } = key.column;
  const rowsOf = branches.map(([first]) => first!.column.rows);
  const isPerRow = rowsOf[0] === rows;
  const stray = rowsOf.findIndex(own => (isPerRow ? own !== rows : call.parentRows(own) !== rows));
  if (stray >= 0) {
    const [other, otherRows] = stray === 0 ? ["the key", rows] : [`arm \`${params.arms[0]!.name}\``, rowsOf[0]!];
    return call.refuse(
      `${other} has one row per ${describeRows(otherRows)}, and arm \`${params.arms[stray]!.name}\` one per ${describeRows(rowsOf[stray]!)}.`,
      "Give it candidates of the key's rows in each arm, or columns of these rows in each.",
      { dependency: ARM_PORTS[stray]! },
    );
  }
  const [first, second, ...others] = branches;
  return {
    params,
    inputs: {
      input: [key],
      arm1: first!,
      arm2: second!,
      ...Object.fromEntries(others.map((bound, i) => [ARM_PORTS[i + 2]!, bound])),
    },
    outputs: first!.map(({ column }) => ({ ...column, ...(!isPerRow && { rows: call.id }) })),
    ...(!isPerRow && { madeRows: { parent: rows } }),
  };
}

interface Fault {
  readonly problem: string;
  readonly way: string;
}

type Weights = Readonly<Record<string, number>> | undefined;

/** Decimal fractions do not sum to 1 exactly. */
const ROUNDING = 1e-9;

/** The weights of arms as an author writes them → the share of each, and what is wrong with them. */
const armWeights = {
  fault(names: readonly string[], weights: Weights): Fault | undefined {
    if (!weights) return undefined;
    const stray = Object.keys(weights).find(name => !names.includes(name));
    if (stray !== undefined)
      return {
        problem: `\`weights\` names \`${stray}\`, and the arms are ${names.map(name => `\`${name}\``).join(", ")}.`,
        way: "Name an arm that there is.",
      };
    const open = names.filter(name => !Object.hasOwn(weights, name));
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    if (open.length > 1)
      return {
        problem: `${open.map(name => `\`${name}\``).join(" and ")} have no weight.`,
        way: "Give each arm a weight, or leave one out, which then has the rest.",
      };
    if (open.length === 0 ? Math.abs(sum - 1) > ROUNDING : sum > 1 + ROUNDING)
      return {
        problem: `the weights sum to ${Number(sum.toPrecision(6))}.`,
        way: "Weights are shares of the keys: let them sum to 1, or leave one arm out, which then has the rest.",
      };
    return undefined;
  },

  /** @returns the share of each arm; they sum to 1 */
  of(names: readonly string[], weights: Weights): readonly number[] {
    if (!weights) return names.map(() => 1 / names.length);
    const sum = Object.values(weights).reduce((total, weight) => total + weight, 0);
    const rest = Math.max(0, Number((1 - sum).toPrecision(12)));
    return names.map(name => (Object.hasOwn(weights, name) ? weights[name]! : rest));
  },
};
