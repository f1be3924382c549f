/** Models of a server or a repository → a TypeScript file: their types, and, unless it is a `.d.ts`, a value to connect with. */
import type { Client, ModelTypes, TensorType } from "../../runtime/client/index.js";

/** The types of all ready models of a server. */
export async function modelsOfServer(client: Client): Promise<ModelTypes> {
  const ready = (await client.index({ ready: true })).filter(({ state }) => state === "" || state === "READY");
  const names = [...new Set(ready.map(({ name }) => name))].sort();
  const models = names.map(async name => {
    const { inputs, outputs } = await client.modelMetadata(name);
    // Metadata does not say which inputs are optional; only Triton and Merlon have configurations.
    const config = await client.modelConfig(name).catch(() => undefined);
    const optional = new Set(config?.input.filter(input => input.optional).map(input => input.name));
    return [name, { inputs: tensors(inputs, optional), outputs: tensors(outputs) }] as const;
  });
  return Object.fromEntries(await Promise.all(models));
}

const tensors = (
  all: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[] }[],
  optional: ReadonlySet<string> = new Set(),
): Record<string, TensorType> =>
  Object.fromEntries(
    all.map(({ name, datatype, shape }) => [
      name,
      {
        datatype: datatype as TensorType["datatype"],
        shape: shape.map(Number),
        ...(optional.has(name) && { optional: true as const }),
      },
    ]),
  );

/** The types of the configurations in a repository, and of the ONNX files without one. */
export async function modelsOfRepository(folder: string): Promise<{ models: ModelTypes; left: readonly string[] }> {
  const { existsSync, readdirSync, readFileSync } = await import("node:fs");
  const { join } = await import("node:path");
  const { readNamed } = await import("../../contract/files/file-fault.js");
  const { parseModelConfig } = await import("../../triton-protos/model-config.js");
  const { configDatatype } = await import("../../triton-protos/datatype.js");
  const models: Record<string, ModelTypes[string]> = {};
  const left: string[] = [];
  const all = readNamed("the repository", folder, path => readdirSync(path, { withFileTypes: true })).filter(
    entry => entry.isDirectory() && !entry.name.startsWith("."),
  );
  if (all.length === 0) throw new Error(`${folder} has no models: it is a folder with a folder for each model`);
  for (const { name } of all.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = join(folder, name, "config.pbtxt");
    if (!existsSync(file)) {
      left.push(`${name}: it has no config.pbtxt; its tensors are known when it is served: use --server`);
      continue;
    }
    const config = parseModelConfig(readFileSync(file, "utf8"), file);
    if (config.input.length === 0 || config.output.length === 0) {
      left.push(`${name}: its config.pbtxt does not say its inputs and outputs; use --server`);
      continue;
    }
    const batch = config.max_batch_size > 0 ? [-1] : [];
    const side = (
      given: readonly { name: string; data_type: string; dims: readonly number[]; optional?: boolean }[],
    ): Record<string, TensorType> =>
      Object.fromEntries(
        given.map(({ name, data_type, dims, optional }) => [
          name,
          {
            datatype: configDatatype(data_type)!.wire,
            shape: [...batch, ...dims],
            ...(optional && { optional: true as const }),
          },
        ]),
      );
    models[config.name || name] = { inputs: side(config.input), outputs: side(config.output) };
  }
  return { models, left };
}

const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** @param file decides the form: a `.d.ts` has types alone, `export type Models` */
export function printModels(models: ModelTypes, file: string, from: string): string {
  const isDeclaration = file.endsWith(".d.ts");
  const tensor = ({ datatype, shape, optional }: TensorType): string =>
    isDeclaration
      ? `{ readonly datatype: "${datatype}"; readonly shape: readonly [${shape.join(", ")}]${optional ? "; readonly optional: true" : ""} }`
      : `{ datatype: "${datatype}", shape: [${shape.join(", ")}]${optional ? ", optional: true" : ""} }`;
  const separator = isDeclaration ? ";" : ",";
  const side = (all: Readonly<Record<string, TensorType>>): string => {
    const lines = Object.entries(all).map(
      ([name, type]) => `      ${isDeclaration ? "readonly " : ""}${key(name)}: ${tensor(type)}${separator}\n`,
    );
    return `{\n${lines.join("")}    }`;
  };
  const body = Object.entries(models)
    .map(
      ([name, { inputs, outputs }]) =>
        `  ${isDeclaration ? "readonly " : ""}${key(name)}: {\n    ${isDeclaration ? "readonly " : ""}inputs: ${side(inputs)}${separator}\n    ${isDeclaration ? "readonly " : ""}outputs: ${side(outputs)}${separator}\n  }${separator}\n`,
    )
    .join("");
  const head = `// Written by \`merlon typegen ${from}\`.\n`;
  if (isDeclaration) return `${head}export type Models = {\n${body}};\n`;
  return `${head}import type { ModelTypes } from "merlon/client";

/** For \`connect(url, { models })\`, which compares them with what the server has. */
export const models = {\n${body}} as const satisfies ModelTypes;

/** For \`connect<Models>(url)\`. */
export type Models = typeof models;
`;
}
