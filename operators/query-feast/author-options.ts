/**
 * Options of `queryFeast`, as they are written.
 */
import { z } from "zod";
import { OP_PARAMS } from "../../contract/op-params.js";

/** As the author wrote it. */
export const feastAuthor = z.strictObject({
  repository: z.string().min(1),
  view: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  service: z.string().min(1).optional(),
  entityColumn: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  includeId: z.boolean().default(false),
  fullNames: z.boolean().default(false),
  prefix: z.string().default(""),
  features: z.array(z.string()).optional(),
  onMissing: OP_PARAMS.queryFeast.shape.onMissing,
  ttl: OP_PARAMS.queryFeast.shape.ttl,
  bytes: OP_PARAMS.queryFeast.shape.bytes,
  memoryMb: OP_PARAMS.queryFeast.shape.memoryMb,
  timeoutMs: OP_PARAMS.queryFeast.shape.timeoutMs,
});

export type FeastAuthor = z.output<typeof feastAuthor>;
