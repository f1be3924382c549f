/** The options of `mergeCandidates`, by source name, and what is wrong with them. */

import { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
import type { ColumnType, IsUnknown } from "../../compiler/dsl/column.js";
import type { AnyNode } from "../../compiler/dsl/node.js";
import type { Rule } from "../../compiler/dsl/rule.js";
import { defined } from "../../contract/defined.js";
import type { ColumnsOfNode } from "../shared/author/ordering.js";
import { METHODS, OTHER_SOURCES, SCALES, type Source } from "./spec.js";

const count = z.record(z.string(), z.number().int().min(0));
const time = z.number().positive();

export const mergeOptions = z.strictObject({
  name: z.string().min(1).default("candidate_ids"),
  method: z.enum(METHODS).default("roundRobin"),
  topk: z.number().int().min(1).optional(),
  names: z.array(z.string().regex(/^[A-Za-z_]\w*$/)).optional(),
  scores: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  weights: z.record(z.string(), z.number().min(0)).optional(),
  k: z
    .number()
    .min(0)
    .optional()
    .transform(k => k ?? 60),
  normalize: z.enum(SCALES).default("minMax"),
  quotas: count.optional(),
  floors: z.record(z.string(), z.number().int().min(1)).optional(),
  keepSource: z.boolean().default(false),
  within: z.union([time, z.record(z.string(), time)]).optional(),
  /** How many sources the author wrote beside the left one; a plan has them as inputs. */
  sources: z.number().int(),
});
export type MergeParams = z.output<typeof mergeOptions>;

interface Fault {
  readonly problem: string;
  readonly way: string;
}

export const namesOfSources = ({ names, sources }: MergeParams): readonly string[] =>
  names ?? Array.from({ length: sources + 1 }, (_, i) => `source${i + 1}`);

/** Finds the first thing that is wrong with the options as a whole. */
export function optionsFault(params: MergeParams): Fault | undefined {
  const { sources, names, topk, quotas = {}, floors = {}, method, weights } = params;
  if (sources < 1 || sources > OTHER_SOURCES.length)
    return {
      problem: `it has ${sources} sources beside the left one, and takes 1 to ${OTHER_SOURCES.length}.`,
      way: "Merge some of them first: what it makes is a source again.",
    };
  if (names && (names.length !== sources + 1 || new Set(names).size < names.length))
    return {
      problem: `\`names\` has ${listNames(names)}, and there are ${sources + 1} sources.`,
      way: "Name each source once, the left one first.",
    };
  if (weights && (method === "roundRobin" || method === "max"))
    return {
      problem: `\`weights\` has no effect on the method "${method}".`,
      way: 'Leave it out, or choose `method: "rrf"` or `"weighted"`.',
    };
  const stray = strayName(params);
  if (stray) return stray;
  const floor = Object.entries(floors).find(([name, least]) => least > (quotas[name] ?? Number.POSITIVE_INFINITY));
  if (floor)
    return {
      problem: `source \`${floor[0]}\` has a floor of ${floor[1]} and a quota of ${quotas[floor[0]]}.`,
      way: "Raise the quota, or lower the floor.",
    };
  const least = Object.values(floors).reduce((sum, one) => sum + one, 0);
  if (least > 0 && (topk === undefined || least > topk))
    return {
      problem: `\`floors\` keep ${least} places, and ${topk === undefined ? "there is no `topk` to keep them of" : `\`topk\` has ${topk}`}.`,
      way: "Raise `topk`, or lower the floors.",
    };
  return undefined;
}

/** A record that names a source that is not there. */
function strayName(params: MergeParams): Fault | undefined {
  const known = namesOfSources(params);
  for (const option of ["scores", "weights", "quotas", "floors", "within"] as const) {
    const given = params[option];
    if (typeof given !== "object") continue;
    const name = Object.keys(given).find(one => !known.includes(one));
    if (name !== undefined)
      return {
        problem: `\`${option}\` names a source \`${name}\`, and the sources are ${listNames(known)}.`,
        way: "Use one of these names, or give the sources others with `names`.",
      };
  }
  return undefined;
}

/** The sources as a plan has them. */
export const planSources = (params: MergeParams): readonly Source[] => {
  const { weights, quotas, floors, within } = params;
  const own = (name: string, of: Readonly<Record<string, number>> | undefined): number | undefined =>
    of && Object.hasOwn(of, name) ? of[name] : undefined;
  return namesOfSources(params).map((name): Source => {
    const weight = own(name, weights);
    const quota = own(name, quotas);
    const floor = own(name, floors);
    const time = typeof within === "number" ? within : own(name, within);
    return {
      name,
      ...defined({ weight, quota, floor, within: time }),
    };
  });
};

export type Operand = AnyNode | readonly AnyNode[];

export interface Options {
  readonly name?: string;
  readonly method?: (typeof METHODS)[number];
  readonly topk?: number;
  readonly names?: readonly string[];
  readonly scores?: string | Readonly<Record<string, string>>;
  readonly weights?: Readonly<Record<string, number>>;
  readonly k?: number;
  readonly normalize?: (typeof SCALES)[number];
  readonly quotas?: Readonly<Record<string, number>>;
  readonly floors?: Readonly<Record<string, number>>;
  readonly keepSource?: boolean;
  readonly within?: number | Readonly<Record<string, number>>;
}

type FloatColumn = `float16 ${string}` | `float32 ${string}` | `float64 ${string}` | `bfloat16 ${string}`;
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never;

/** The column of ids among a source's: the only one, or the only one that is not a float. */
type IdOf<S extends string> =
  IsUnknown<S> extends true
    ? string
    : IsUnion<S> extends true
      ? IsUnion<Exclude<S, FloatColumn>> extends true
        ? string
        : Exclude<S, FloatColumn>
      : S;
type TypeOf<C extends string> = C extends `${infer T extends ColumnType} ${string}` ? T : string;
/** Whether a source has a score beside its ids; `boolean` if its columns are not known. */
type IsScored<S extends string> =
  IsUnknown<S> extends true
    ? boolean
    : IsUnion<S> extends true
      ? [Extract<S, FloatColumn>] extends [never]
        ? false
        : true
      : false;

/** Columns of each source but the left one, in order. */
type SourcesOf<A extends readonly unknown[]> = A extends readonly [infer F, ...infer R]
  ? F extends AnyNode
    ? [ColumnsOfNode<F>, ...SourcesOf<R>]
    : F extends readonly AnyNode[]
      ? [...SourcesOf<F>, ...SourcesOf<R>]
      : []
  : [];
type OptionsOf<A extends readonly unknown[]> = A extends readonly [...unknown[], infer L]
  ? L extends Operand
    ? Record<never, never>
    : L
  : Record<never, never>;

/** A sentence for each source whose ids have another type than the left ones. */
type OtherType<T extends string, S extends string> =
  IdOf<S> extends infer C extends string
    ? string extends T | C
      ? never
      : TypeOf<C> extends T
        ? never
        : `mergeCandidates takes ids of one type: the left ones are ${T}, and a source has "${C}"`
    : never;

type NameAt<O, I extends number> = O extends { readonly names: infer N extends readonly string[] }
  ? N[I] extends string
    ? N[I]
    : string
  : ["source1", "source2", "source3", "source4", "source5", "source6", "source7", "source8"][I];

/** `NAME_rank`, and `NAME_score` of sources with scores. */
type OwnColumns<O, All extends readonly string[]> = {
  [I in keyof All]: I extends `${infer N extends number}`
    ? `int32 ${NameAt<O, N>}_rank` | (true extends IsScored<All[I]> ? `float32 ${NameAt<O, N>}_score` : never)
    : never;
}[number];

type Made<O, T extends string, All extends readonly string[]> =
  | `${T} ${O extends { readonly name: infer N extends string } ? N : "candidate_ids"}`
  | (O extends { readonly keepSource: true }
      ?
          | "int32 source"
          | (O extends { readonly method: "rrf" | "weighted" | "max" } ? "float32 scores" : never)
          | OwnColumns<O, All>
      : never);

/** The types that the operands have to be of, and the columns that it makes of them. */
export interface MergeRule<A extends readonly unknown[]> extends Rule {
  readonly fault: OtherType<TypeOf<IdOf<this["S"]>>, SourcesOf<A>[number]>;
  readonly out: string extends IdOf<this["S"]>
    ? string
    : Made<OptionsOf<A>, TypeOf<IdOf<this["S"]>>, [this["S"], ...SourcesOf<A>]>;
}
