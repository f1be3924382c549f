/** `mergeCandidates` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { plural } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Ports of the sources beside the first, in order; as many as a step may have. */
export const OTHER_SOURCES = ["source2", "source3", "source4", "source5", "source6", "source7", "source8"] as const;

/** Ports of all sources: bit i of a candidate's `source` is for port i. */
export const SOURCE_PORTS = ["input", ...OTHER_SOURCES] as const;

export const METHODS = ["roundRobin", "rrf", "weighted", "max"] as const;
export const SCALES = ["minMax", "z", "none"] as const;

/** A source, as the plan has it: parameters by name would lose their order. */
const source = z.strictObject({
  name: z.string().min(1),
  weight: z.number().optional(),
  /** Most candidates of a user that are its own. */
  quota: z.number().int().min(0).optional(),
  /** Fewest of them, if it has as many. */
  floor: z.number().int().min(1).optional(),
  /** Milliseconds from the start of the run; later it is left out. */
  within: z.number().positive().optional(),
});
export type Source = Readonly<z.output<typeof source>>;

export const sourceName = (sources: readonly Source[], i: number): string => sources[i]?.name ?? `source${i + 1}`;

const WORDS = {
  roundRobin: "in turn",
  rrf: "by reciprocal rank",
  weighted: "by the sum of their scores",
  max: "by their best score",
} as const;

export const mergeCandidates = operator({
  params: z.strictObject({
    name: z.string().min(1).default("candidate_ids"),
    method: z.enum(METHODS).default("roundRobin"),
    /** Most candidates of a user. */
    topk: z.number().int().min(1).optional(),
    /** Reciprocal ranks are 1 / (k + rank). */
    k: z.number().min(0).default(60),
    normalize: z.enum(SCALES).default("minMax"),
    /** Adds `source`, `scores` and each source's rank and score. */
    keepSource: z.boolean().default(false),
    /** By port; a source without a place has no name of its own, weight 1 and no bounds. */
    sources: z.array(source).max(SOURCE_PORTS.length).default([]),
  }),
  ports: {
    input: "part",
    source2: "part?",
    source3: "part?",
    source4: "part?",
    source5: "part?",
    source6: "part?",
    source7: "part?",
    source8: "part?",
  },
  facts: {
    ...STAGE,
    nulls: "none",
    rows: "chosen",
    cacheable: false,
    scores: ({ keepSource, method }) => (keepSource && method !== "roundRobin" ? "scores" : false),
    gathers: true,
    partNames: ({ sources }) => Object.fromEntries(SOURCE_PORTS.map((port, i) => [port, sourceName(sources, i)])),
    partTimes: ({ sources }) =>
      Object.fromEntries(
        SOURCE_PORTS.flatMap((port, i) => {
          const within = sources[i]?.within;
          return within === undefined ? [] : [[port, within] as const];
        }),
      ),
  },
  describe: ({ params, has }) => {
    const { topk, method, sources } = params;
    const limits = sources.flatMap(({ within }) => within ?? []);
    return [
      `take candidates of ${plural(1 + OTHER_SOURCES.filter(has).length, "source")} ${WORDS[method]}, each once`,
      ...(topk === undefined ? [] : [`at most ${topk}`]),
      ...(limits.length === 0 ? [] : [`without sources later than ${[...new Set(limits)].join(", ")} ms`]),
    ].join(", ");
  },
});
