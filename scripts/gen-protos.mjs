// Reads triton-protos/proto/*.proto, writes triton-protos/gen/: the descriptors (root.ts) and an interface per message (messages.ts).
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const source = new URL("../triton-protos/proto/", import.meta.url);
const target = new URL("../triton-protos/gen/", import.meta.url);
const CONFIG = "model_config.proto";
const files = [CONFIG, "grpc_service.proto", "health.proto"];
const head = "// Written by scripts/gen-protos.mjs from triton-protos/proto; do not edit.\n";

const scalars = {
  double: "number",
  float: "number",
  int32: "number",
  uint32: "number",
  int64: "number",
  uint64: "number",
  bool: "boolean",
  string: "string",
  bytes: "Uint8Array",
};

function parseFile(root, file) {
  protobuf.parse(readFileSync(new URL(file, source), "utf8"), root, { keepCase: true });
  return root;
}

/** Parses the .proto files → `{ root, messages }`, the texts of the two generated files. */
export function generate() {
  const root = new protobuf.Root();
  for (const file of files) parseFile(root, file);
  root.resolveAll();
  const { inference, ...others } = root.toJSON({ keepComments: false }).nested;
  const ofConfig = new Set(Object.keys(parseFile(new protobuf.Root(), CONFIG).lookup("inference").nested));
  const part = isConfig =>
    Object.fromEntries(Object.entries(inference.nested).filter(([name]) => ofConfig.has(name) === isConfig));
  const descriptor = (name, nested) =>
    `export const ${name}: { readonly nested: object } = ${JSON.stringify({ nested }, null, 2)};\n`;
  return {
    root: [
      head,
      "// The messages of a model's configuration, which every server reads, and those of calls, which refer to them.\n",
      descriptor("configMessages", { inference: { nested: part(true) } }),
      descriptor("callMessages", { inference: { nested: part(false) }, ...others }),
    ].join(""),
    messages: `${head}\n${declarations(root).join("\n\n")}\n`,
  };
}

/** `inference.ModelInferRequest.InferInputTensor` → `ModelInferRequest_InferInputTensor`. */
const typeName = object => {
  const names = [];
  for (let at = object; at instanceof protobuf.Type || at instanceof protobuf.Enum; at = at.parent)
    names.unshift(at.name);
  return names.join("_");
};

function declarations(root) {
  const out = [];
  const map = [];
  const visit = namespace => {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Enum) out.push(enumeration(nested));
      if (nested instanceof protobuf.Type) {
        out.push(message(nested));
        map.push(`  ${JSON.stringify(nested.fullName.slice(1))}: ${typeName(nested)};`);
      }
      if (nested instanceof protobuf.Namespace && !(nested instanceof protobuf.Service)) visit(nested);
    }
  };
  visit(root);
  return [...out, `/** Every message by its full name. */\nexport interface Messages {\n${map.join("\n")}\n}`];
}

const enumeration = type =>
  `export type ${typeName(type)} = ${Object.keys(type.values)
    .map(name => JSON.stringify(name))
    .join(" | ")};`;

/** A model's version may be any int64, where a number is too little; complete-message.ts reads them so. */
const isVersion = ({ type, name }) => type === "int64" && /^(?:model_)?versions?$/.test(name);

function message(type) {
  const fields = type.fieldsArray.map(field => {
    const scalar = isVersion(field) ? (field.repeated ? "(number | bigint)" : "number | bigint") : scalars[field.type];
    const one = field.resolvedType ? typeName(field.resolvedType) : scalar;
    if (field.map) return `  readonly ${field.name}: { readonly [key: string]: ${one} };`;
    if (field.repeated) return `  readonly ${field.name}: readonly ${one}[];`;
    const absent = field.partOf || field.resolvedType instanceof protobuf.Type;
    return `  readonly ${field.name}${absent ? "?" : ""}: ${one}${absent ? " | undefined" : ""};`;
  });
  if (fields.length === 0) return `export type ${typeName(type)} = Record<string, never>;`;
  return `export interface ${typeName(type)} {\n${fields.join("\n")}\n}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root, messages } = generate();
  writeFileSync(new URL("root.ts", target), root);
  writeFileSync(new URL("messages.ts", target), messages);
}
