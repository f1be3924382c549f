/** The properties of `log` beside its nodes, as the author wrote them → checked ones, or what is wrong. */
import { z } from "zod";

const logOptions = z.strictObject({
  candidates: z.union([z.literal("shown"), z.strictObject({ all: z.number() })]).default("shown"),
  personal: z.record(z.string(), z.enum(["hash", "drop"])).default({}),
  retentionDays: z.number().positive().max(36_500).optional(),
});
export type LogOptions = Readonly<z.output<typeof logOptions>>;

/** @returns a sentence about the first fault in their place */
export function readLogOptions(options: unknown): LogOptions | string {
  const read = logOptions.safeParse(options);
  if (!read.success) {
    const [issue] = read.error.issues;
    if (issue!.code === "unrecognized_keys") return `there is no option \`log.${issue!.keys[0]}\``;
    switch (issue!.path[0]) {
      case "candidates":
        return '`log.candidates` must be `"shown"` or `{ all: rate }` with a number';
      case "personal":
        return '`log.personal` must be a record of `"hash"` and `"drop"` by column';
      case "retentionDays":
        return "`log.retentionDays` must be a number above 0 and at most 36500";
      default:
        return "`log` must be a record";
    }
  }
  const { candidates } = read.data;
  if (candidates !== "shown" && !(candidates.all > 0 && candidates.all <= 1))
    return `\`log.candidates.all\` is ${candidates.all}, and a rate is above 0 and at most 1`;
  return read.data;
}
