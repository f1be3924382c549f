/** `mergeCandidates` in a plan: its parameters, and what is known of it without running it. */
import { z } from "zod";
import { plural } from "../shared/spec/describe.js";
import { STAGE } from "../shared/spec/facts.js";
import { operator } from "../shared/spec/operator.js";

/** Ports of the sources beside the first, in order; as many as a step may have. */
export const OTHER_SOURCES = ["source2", "source3", "source4", "source5", "source6", "source7", "source8"] as const;

export const mergeCandidates = operator({
  params: z.strictObject({
    name: z.string().min(1).default("candidate_ids"),
    /** Most candidates of a user. */
    topk: z.number().int().min(1).optional(),
  }),
  ports: {
    input: "one",
    source2: "one?",
    source3: "one?",
    source4: "one?",
    source5: "one?",
    source6: "one?",
    source7: "one?",
    source8: "one?",
  },
  makes: 1,
  facts: {
    ...STAGE,
    nulls: "none",
    rows: "chosen",
    cacheable: false,
    scores: false,
    gathers: true,
  },
  describe: ({ params, has }) =>
    `take candidates of ${plural(1 + OTHER_SOURCES.filter(has).length, "source")} in turn, each once${params.topk === undefined ? "" : `, at most ${params.topk}`}`,
});
