/** The options of `mergeCandidates`, by source name, and what is wrong with them. */
import { z } from "zod";
import { listNames } from "../../compiler/diagnostics/diagnostic.js";
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
      ...(weight !== undefined && { weight }),
      ...(quota !== undefined && { quota }),
      ...(floor !== undefined && { floor }),
      ...(time !== undefined && { within: time }),
    };
  });
};
