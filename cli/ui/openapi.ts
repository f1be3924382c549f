/**
 * A model's metadata → an OpenAPI 3.1 document of its inference call, with the tensors it really has.
 */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | string)[];
}
export interface ModelMetadata {
  readonly name: string;
  readonly versions?: readonly string[];
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

const valueSchema = (datatype: string): object => {
  if (datatype === "BOOL") return { type: "boolean" };
  if (datatype === "BYTES") return { type: "string" };
  // Integers may be written as texts where a double would round them; NaN is null.
  return datatype.startsWith("FP") || datatype === "BF16" ? { type: ["number", "null"] } : { type: "integer" };
};

const tensorSchema = ({ name, datatype, shape }: TensorMetadata) => ({
  type: "object",
  description: `${datatype} [${shape.join(", ")}]; -1 varies`,
  required: ["name", "shape", "datatype"],
  properties: {
    name: { const: name },
    datatype: { const: datatype },
    shape: {
      type: "array",
      minItems: shape.length,
      maxItems: shape.length,
      prefixItems: shape.map(n => (Number(n) < 0 ? { type: "integer", minimum: 0 } : { const: Number(n) })),
    },
    data: {
      type: "array",
      description: "Values in row-major order, nested or flat.",
      items: { anyOf: [valueSchema(datatype), { type: "array" }] },
    },
    parameters: { type: "object" },
  },
});

const tensors = (list: readonly TensorMetadata[]): object => ({
  type: "array",
  items: { oneOf: list.map(tensorSchema) },
});

const json = (schema: object, description: string): object => ({
  description,
  content: { "application/json": { schema } },
});

export function openApi({ name, versions = [], inputs, outputs }: ModelMetadata): object {
  const fault = { type: "object", required: ["error"], properties: { error: { type: "string" } } };
  const request = {
    type: "object",
    required: ["inputs"],
    properties: {
      id: { type: "string" },
      parameters: {
        type: "object",
        properties: {
          timings: { type: "boolean" },
          explain: { type: "boolean" },
          plan: { type: "boolean" },
          seed: { type: "integer" },
        },
      },
      inputs: tensors(inputs),
      outputs: {
        type: "array",
        items: { type: "object", required: ["name"], properties: { name: { enum: outputs.map(o => o.name) } } },
      },
    },
  };
  const response = {
    type: "object",
    required: ["model_name", "outputs"],
    properties: {
      model_name: { const: name },
      model_version: { type: "string" },
      parameters: { type: "object" },
      outputs: tensors(outputs),
    },
  };
  return {
    openapi: "3.1.0",
    info: { title: name, version: versions.at(-1) ?? "1", description: "KServe v2 inference over HTTP." },
    paths: {
      [`/v2/models/${encodeURIComponent(name)}/infer`]: {
        post: {
          operationId: "infer",
          requestBody: { required: true, ...json(request, "Named tensors.") },
          responses: {
            200: json(response, "Named tensors."),
            400: json(fault, "The error in the request."),
            500: json(fault, "What went wrong."),
          },
        },
      },
    },
  };
}
