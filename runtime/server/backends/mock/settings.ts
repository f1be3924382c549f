/**
 * How a mock answers: `mock.json` beside config.pbtxt or in the version folder, or the parameter `mock` of the configuration → settings.
 */
import { dirname, join } from "node:path";
import { z } from "zod";
import { FILE_LIMITS, readRegular, SpecialFileError } from "../../../../contract/files/read-regular.js";
import type { ModelConfig } from "../../../../triton-protos/model-config.js";
import { delaySchema } from "../../../base/delays.js";
import { invalid, STATUS, type StatusCode } from "../../../base/errors.js";

const scalar = z.union([z.number(), z.string(), z.boolean()]);
type Values = z.infer<typeof scalar> | readonly Values[];
const values: z.ZodType<Values> = z.lazy(() => z.union([scalar, z.array(values)]));

const rule = z.union(
  [
    z.enum(["zeros", "random", "echo"]),
    z.strictObject({ random: z.strictObject({ min: z.number(), max: z.number() }) }),
    z.strictObject({ constant: values }),
    z.strictObject({ echo: z.string() }),
  ],
  {
    error:
      'write "zeros", "random", "echo", {"random": {"min": 0, "max": 1}}, {"constant": 0.5}, or {"echo": "NAME OF AN INPUT"}',
  },
);
/** The rule of an output. */
export type Rule = z.infer<typeof rule>;

const codes = Object.keys(STATUS) as [StatusCode, ...StatusCode[]];
const fault = z.strictObject({ code: z.enum(codes).default("INTERNAL"), message: z.string() });
const outputs = z.record(z.string(), values);

const tableRow = z.strictObject({
  /** The values that the request must have: all values of each input named here; of one row if the model batches. */
  inputs: z.record(z.string(), values),
  outputs: outputs.optional(),
  /** Decoupled models: the answers, in order. */
  answers: z.array(outputs).optional(),
  error: fault.optional(),
});
export type TableRow = z.infer<typeof tableRow>;

export const mockSettings = z.strictObject({
  /** By name; `*` for all that have no rule of their own. Zeros by default. */
  outputs: z.record(z.string(), rule).optional(),
  /** Shapes of outputs with dimensions of any size, without the batch dimension. */
  shapes: z.record(z.string(), z.array(z.number().int().min(0))).optional(),
  seed: z.number().optional(),
  delayMs: delaySchema.optional(),
  /** Decoupled models: how many answers, and the time before each. */
  stream: z.strictObject({ answers: z.number().int().min(0), everyMs: delaySchema.optional() }).optional(),
  table: z.array(tableRow).optional(),
  /** The response to a request that matches no row of the table. @default "outputs" */
  otherwise: z.enum(["outputs", "error"]).optional(),
  /** A module beside this file whose default export answers: `export default ({ inputs }) => ({ OUT: [1, 2] })`. */
  function: z.string().optional(),
});
/** How a mock answers. Without anything: zeros, at once. */
export type MockSettings = z.infer<typeof mockSettings>;

export interface FoundSettings {
  readonly settings: MockSettings;
  /** Folder that `function` is relative to. */
  readonly folder: string;
  /** Their source, for messages. */
  readonly where: string;
  /** They are in a file, and not in the configuration, which a load request may have brought. */
  readonly onDisk: boolean;
}

/** @throws RuntimeFault naming the file, the place in it and the values allowed there */
export async function readMockSettings(config: ModelConfig, folder: string): Promise<FoundSettings> {
  for (const place of [folder, dirname(folder)]) {
    const where = join(place, "mock.json");
    const text = await readMock(where);
    if (text !== undefined) return { settings: parseMockSettings(text, where), folder: place, where, onDisk: true };
  }
  const text = config.parameters.mock?.string_value;
  const where = `parameter \`mock\` of model '${config.name}'`;
  return { settings: text ? parseMockSettings(text, where) : {}, folder: dirname(folder), where, onDisk: false };
}

/** Undefined if there is none. @throws RuntimeFault if it is not a regular file */
async function readMock(file: string): Promise<string | undefined> {
  try {
    return (await readRegular(file, FILE_LIMITS.document)).toString();
  } catch (error) {
    if (error instanceof SpecialFileError) throw invalid(error.message);
    return undefined;
  }
}

function parseMockSettings(text: string, where: string): MockSettings {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid(`${where} is not JSON: ${(error as Error).message}`);
  }
  return checkMockSettings(json, where);
}

/** @throws RuntimeFault */
export function checkMockSettings(json: unknown, where: string): MockSettings {
  const result = mockSettings.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw invalid(`${where}: ${issue.path.join(".") || "the document"}: ${issue.message}`);
}
