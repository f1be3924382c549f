/**
 * An ensemble's options as its author wrote them → settings with their defaults, or sentences about what is wrong.
 */
import { z } from "zod";

const count = z.int().min(0);
const some = z.int().min(1);
const value = z.union([z.number(), z.bigint(), z.string(), z.boolean()]);

const instanceGroup = z.strictObject({
  count: some.default(1),
  kind: z.enum(["auto", "cpu", "gpu"]).default("auto"),
  gpus: z.array(count).optional(),
});

const settings = z.strictObject({
  maxBatchSize: count.max(2 ** 31 - 1).default(128),
  removeInputs: z.array(z.string()).default([]),
  version: some.max(2 ** 31 - 1).default(1),
  names: z.enum(["merlon", "merlin"]).default("merlon"),
  dynamicBatching: z
    .strictObject({
      preferredBatchSize: z.array(some).optional(),
      maxQueueDelayMicroseconds: count.optional(),
      preserveOrdering: z.boolean().optional(),
      priorityLevels: count.optional(),
      defaultPriorityLevel: count.optional(),
      queuePolicy: z
        .strictObject({
          timeoutMicroseconds: count.optional(),
          timeoutAction: z.enum(["reject", "delay"]).optional(),
          allowTimeoutOverride: z.boolean().optional(),
          maxQueueSize: count.optional(),
        })
        .optional(),
    })
    .optional(),
  instanceGroups: z.array(instanceGroup).min(1).optional(),
  onnxInstanceGroups: z.array(instanceGroup).min(1).optional(),
  onnxThreads: some.optional(),
  warmup: z
    .array(
      z.strictObject({
        name: z.string().min(1).optional(),
        batchSize: some.default(1),
        count: some.default(1),
        inputs: z.record(z.string(), z.union([value, z.array(value)])),
      }),
    )
    .default([]),
  responseCache: z.boolean().default(false),
});

/** Options with their defaults. */
export type Settings = Readonly<z.output<typeof settings>>;

/** @param options parsed before: `settingsProblems` found nothing */
export const readSettings = (options: unknown): Settings => settings.parse(options);

/** Describes faults of the options that do not depend on the columns. */
export function settingsProblems(options: unknown): string[] {
  const read = settings.safeParse(options);
  if (!read.success) return read.error.issues.flatMap(issue => sentences(issue, options));
  const {
    maxBatchSize,
    names,
    dynamicBatching: dynamic,
    warmup,
    instanceGroups = [],
    onnxInstanceGroups = [],
  } = read.data;
  const problems: string[] = [];
  if (dynamic && maxBatchSize === 0)
    problems.push("`dynamicBatching` needs a batch dimension, and `maxBatchSize` is 0");
  if (dynamic && names === "merlin")
    problems.push('`dynamicBatching` needs a batch dimension, and the entry has none with `names: "merlin"`');
  const beyond = dynamic?.preferredBatchSize?.find(size => size > maxBatchSize);
  if (beyond !== undefined && maxBatchSize > 0)
    problems.push(`\`dynamicBatching.preferredBatchSize\` names ${beyond}, and \`maxBatchSize\` is ${maxBatchSize}`);
  const { priorityLevels = 0, defaultPriorityLevel } = dynamic ?? {};
  if (defaultPriorityLevel !== undefined && (defaultPriorityLevel < 1 || defaultPriorityLevel > priorityLevels))
    problems.push(
      `\`dynamicBatching.defaultPriorityLevel\` is ${defaultPriorityLevel}, and \`priorityLevels\` is ${priorityLevels}: give a level from 1 to that`,
    );
  if (priorityLevels > 1 && dynamic?.preserveOrdering)
    problems.push(
      `\`dynamicBatching.preserveOrdering\` takes one priority level, and \`priorityLevels\` is ${priorityLevels}`,
    );
  if (priorityLevels > 0 && defaultPriorityLevel === undefined)
    problems.push(
      "`dynamicBatching.priorityLevels` needs `defaultPriorityLevel`, the level of requests that name none",
    );
  for (const { kind, gpus } of [...instanceGroups, ...onnxInstanceGroups])
    if (gpus && kind !== "gpu")
      problems.push(`an instance group names \`gpus\` and has the kind "${kind}": give it \`kind: "gpu"\``);
  for (const [i, { name, batchSize }] of warmup.entries()) {
    const label = name ?? `sample ${i + 1}`;
    if (batchSize > Math.max(1, maxBatchSize))
      problems.push(`\`warmup\`: "${label}" has \`batchSize: ${batchSize}\`, and \`maxBatchSize\` is ${maxBatchSize}`);
    if (warmup.findIndex((other, j) => (other.name ?? `sample ${j + 1}`) === label) !== i)
      problems.push(`\`warmup\` has two samples with the name "${label}"`);
  }
  return problems;
}

/** A schema's issue in the words of the option. */
function sentences(issue: z.core.$ZodIssue, options: unknown): string[] {
  const path = issue.path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : i ? `.${String(part)}` : part))
    .join("");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map(key => `there is no option \`${path ? `${path}.` : ""}${key}\``);
  const seen = issue.path.reduce<unknown>(
    (at, part) => (typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined),
    options,
  );
  return [`\`${path}\` must be ${wanted(issue)}, not ${print(seen)}`];
}

function wanted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_value":
      return issue.values.map(v => JSON.stringify(v)).join(" or ");
    case "too_small":
      return issue.origin === "array" ? "a list with something in it" : `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    case "invalid_union":
      return "a number, a text, a boolean or a list of these";
    case "invalid_type":
      return (
        { int: "a whole number", number: "a number", string: "a text", boolean: "true or false" }[
          issue.expected as string
        ] ??
        (issue.expected === "array"
          ? "a list"
          : issue.expected === "object" || issue.expected === "record"
            ? "a record"
            : `${issue.expected}`)
      );
    default:
      return issue.message;
  }
}

const print = (value: unknown): string =>
  value === undefined ? "left out" : typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
