/**
 * Compares the types of a program with the models of a server, in sentences.
 */
import { ClientError, NotFoundError } from "./client-error.js";
import type { ModelType, ModelTypes, TensorType } from "./model-types.js";
import type { RpcAnswer } from "./wire-call.js";

/** The server's models are not those that the program was typed against. */
export class DriftError extends ClientError {
  override name = "DriftError";
  constructor(
    /** One sentence for each difference. */
    readonly differences: readonly string[],
    address: string,
  ) {
    super(
      "FAILED_PRECONDITION",
      `the models at ${address} are not those this program was typed against:\n${differences.map(line => `  - ${line}`).join("\n")}\nRun \`merlon typegen\` again, or deploy the model that it was made from.`,
    );
  }
}

type Metadata = RpcAnswer<"ModelMetadata">;
const print = ({ datatype, shape }: { readonly datatype: string; readonly shape: readonly number[] }): string =>
  `${datatype} [${shape.join(",")}]`;

/** −1 is any size on either side. */
export const fits = (expected: readonly number[], seen: readonly number[]): boolean =>
  expected.length === seen.length && expected.every((dim, i) => dim < 0 || seen[i]! < 0 || dim === seen[i]);

export function modelDrift(name: string, expected: ModelType, live: Metadata): string[] {
  const differences: string[] = [];
  const sides = [
    ["input", expected.inputs, live.inputs],
    ["output", expected.outputs, live.outputs],
  ] as const;
  for (const [side, wanted, seen] of sides) {
    for (const [tensor, type] of Object.entries(wanted) as [string, TensorType][]) {
      const found = seen.find(one => one.name === tensor);
      if (!found) differences.push(`model "${name}" has no ${side} \`${tensor}\` (${print(type)} is expected)`);
      else if (found.datatype !== type.datatype || !fits(type.shape, found.shape.map(Number)))
        differences.push(`model "${name}": ${side} \`${tensor}\` is ${print(found)}, and ${print(type)} is expected`);
    }
    // More outputs are harmless; an input that no request sends may not be.
    if (side === "input")
      for (const found of seen)
        if (!Object.hasOwn(wanted, found.name))
          differences.push(`model "${name}" has an input that is not expected: \`${found.name}\` (${print(found)})`);
  }
  return differences;
}

/** All differences. @throws ClientError if the server cannot be reached */
export async function findDrift(models: ModelTypes, metadata: (model: string) => Promise<Metadata>): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(models).map(async ([name, expected]) => {
      try {
        return modelDrift(name, expected, await metadata(name));
      } catch (error) {
        if (error instanceof NotFoundError) return [`there is no model "${name}": ${error.message}`];
        throw error;
      }
    }),
  );
  return found.flat();
}
