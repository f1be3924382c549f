/**
 * HTTP requests by genome: structure of the JSON, elements, binary tail, compression, chunks, headers and the pieces they are written in.
 */
import { deflateSync, gzipSync } from "node:zlib";
import { BOUNDS, choice, size } from "./genes.mjs";

const ROUTES = {
  echo: "/v2/models/echo_int32/infer",
  onnx: "/v2/models/calc_fp32/infer",
  bytes: "/v2/models/echo_bytes/infer",
  ensemble: "/v2/models/ens_text/infer",
  generate: "/v2/models/echo_bytes/generate",
  index: "/v2/repository/index",
  load: "/v2/repository/models/echo_int32/load",
  unknown: "/v2/models/nobody/infer",
  logging: "/v2/logging",
  trace: "/v2/trace/setting",
  memory: "/v2/systemsharedmemory/region/x/register",
};
// biome-ignore format: one list
const ELEMENTS = ["1", "-0", "1.5", "1e308", "0.1234567890123456789", "123456789012345678901234567890", '""', '"x"', '"\\u0041"', '"\\ud83d\\ude00"',
  '"é"', "null", "true", "[]", "{}", "[1]", "[[1]]", '{"a":1}', '{"name":"a"}', '{"__proto__":1}', "1,", "", " "];

export const GENES = {
  route: choice("echo", "echo", ...Object.keys(ROUTES)),
  inputs: size(0, 6000),
  inputForm: choice("empty", "named", "same", "full", "good", "string"),
  nameLength: size(1, 4000),
  elements: size(0, 20_000),
  element: choice(...ELEMENTS),
  depth: size(0, 2000),
  rank: size(0, 4000),
  extent: choice("1", "0", "4", "-1", "2147483648", "1e300", '"4"', "1.5"),
  datatype: choice("INT32", "FP32", "BYTES", "INT64", "BOOL", "FP64", "FP16", "X"),
  parameters: size(0, 6000),
  parameterForm: choice("unique", "same", "nested", "headers"),
  outputs: size(0, 6000),
  outputForm: choice("unique", "same", "good", "classes"),
  space: size(0, 50_000),
  copies: size(1, 50),
  tail: size(0, 100_000),
  tailByte: choice(0, 1, 4, 255),
  declared: choice("right", "right", "less", "more"),
  encoding: choice("none", "none", "none", "gzip", "deflate"),
  chunk: choice(0, 0, 0, 1, 7, 100, 4096),
  headers: size(0, 120),
  headerLength: size(0, 4000),
  headerForm: choice("unique", "same", "accept", "cookie"),
  pieces: size(1, 1000),
};

const repeated = (count, make) => Array.from({ length: count }, (_, i) => make(i)).join(",");
const nested = (depth, inner) => "[".repeat(depth) + inner + "]".repeat(depth);

function inputText(genome, data) {
  const { inputForm, nameLength, rank, extent, datatype } = genome;
  const shape = `[${repeated(rank, () => extent)}]`;
  const name = i => `${"n".repeat(nameLength)}${i}`;
  const forms = {
    empty: () => "{}",
    string: () => '"x"',
    named: i => `{"name":"${name(i)}"}`,
    same: () => `{"name":"${name("")}","datatype":"${datatype}","shape":${shape},"data":[]}`,
    full: i => `{"name":"${name(i)}","datatype":"${datatype}","shape":${shape},"data":${data}}`,
    good: i => `{"name":"INPUT${i}","datatype":"INT32","shape":[1,4],"data":${data}}`,
  };
  return forms[inputForm];
}

function bodyText(genome) {
  const { inputs, elements, element, depth, parameters, parameterForm, outputs, outputForm, nameLength, copies } =
    genome;
  // Large data is in few inputs; many inputs have little of it.
  const data = nested(
    depth + 1,
    repeated(inputs > 50 ? Math.min(elements, 4) : elements, () => element),
  );
  const parameter = {
    unique: i => `"p${i}":${i}`,
    same: () => `"p":"${"v".repeat(nameLength)}"`,
    nested: i => `"p${i}":${nested(Math.min(depth, 50), "")}`,
    headers: i => `"triton_${i}":true`,
  }[parameterForm];
  const output = {
    unique: i => `{"name":"o${i}"}`,
    same: () => '{"name":"OUTPUT0"}',
    good: i => `{"name":"OUTPUT${i}","parameters":{"binary_data":true}}`,
    classes: i => `{"name":"OUTPUT${i}","parameters":{"classification":1000}}`,
  }[outputForm];
  const space = " ".repeat(genome.space);
  const parts = [
    `"id":"x"`,
    ...(parameters > 0 ? [`"parameters":{${repeated(parameters, parameter)}}`] : []),
    ...Array(inputs > 50 ? 1 : copies).fill(`"inputs":[${repeated(inputs, inputText(genome, data))}]`),
    ...(outputs > 0 ? [`"outputs":[${repeated(outputs, output)}]`] : []),
  ];
  return `{${space}${parts.join(`,${space}`)}}`;
}

function chunked(body, length) {
  const parts = [];
  for (let at = 0; at < body.length; at += length) {
    const part = body.subarray(at, at + length);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** About the length of the body, counted before it is made. */
function estimate({ inputs, inputForm, nameLength, elements, element, depth, rank, extent, copies, ...genome }) {
  const each = inputs > 50 ? Math.min(elements, 4) : elements;
  const data = 2 * depth + each * (element.length + 1);
  const shape = rank * (extent.length + 1);
  const input = {
    empty: 3,
    string: 4,
    named: nameLength + 20,
    same: nameLength + shape + 60,
    full: nameLength + shape + data + 60,
    good: data + 60,
  };
  const parameter = genome.parameterForm === "same" ? nameLength + 8 : genome.parameterForm === "nested" ? 120 : 24;
  return (
    inputs * input[inputForm] * (inputs > 50 ? 1 : copies) +
    genome.parameters * parameter +
    genome.outputs * 60 +
    genome.space * (copies + 4) +
    genome.tail
  );
}

/** @returns `{ writes, wire, charged }`: pieces to write, bytes on the wire, and bytes with the body unpacked; undefined for one beyond the bounds */
export function build(genome, bounds = BOUNDS) {
  const { route, headers, headerLength, headerForm, encoding, declared, pieces } = genome;
  const length = estimate(genome);
  const isPacked = encoding !== "none";
  if (length > (isPacked ? bounds.unpacked : bounds.wire)) return undefined;
  if (!isPacked && genome.chunk > 0 && length * (1 + 6 / genome.chunk) > bounds.wire) return undefined;
  if (headers * headerLength > bounds.wire) return undefined;
  const text = Buffer.from(bodyText(genome));
  const plain = genome.tail > 0 ? Buffer.concat([text, Buffer.alloc(genome.tail, genome.tailByte)]) : text;
  if (plain.length > bounds.unpacked) return undefined;
  const body =
    encoding === "none"
      ? plain
      : encoding === "gzip"
        ? gzipSync(plain, { level: 6 })
        : deflateSync(plain, { level: 6 });
  const named = {
    unique: i => `x-${i}: ${"v".repeat(headerLength)}`,
    same: () => `x: ${"v".repeat(headerLength)}`,
    accept: () => `accept-encoding: ${"gzip;q=0.1,".repeat(headerLength / 11)}`,
    cookie: i => `cookie: a${i}=${"v".repeat(headerLength)}`,
  }[headerForm];
  const declaredLength = { right: 0, less: -1, more: 1 }[declared] + text.length;
  const lines = [
    `POST ${ROUTES[route]} HTTP/1.1`,
    "Host: x",
    "Connection: close",
    ...Array.from({ length: headers }, (_, i) => named(i)),
    ...(genome.tail > 0 ? [`Inference-Header-Content-Length: ${declaredLength}`] : []),
    ...(encoding === "none" ? [] : [`Content-Encoding: ${encoding}`]),
    genome.chunk > 0 ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`,
  ];
  const bytes = Buffer.concat([
    Buffer.from(`${lines.join("\r\n")}\r\n\r\n`),
    genome.chunk > 0 ? chunked(body, genome.chunk) : body,
  ]);
  if (bytes.length > bounds.wire) return undefined;
  const writes = [];
  const step = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at < bytes.length; at += step) writes.push(bytes.subarray(at, at + step));
  return { writes, wire: bytes.length, charged: bytes.length - body.length + Math.max(body.length, plain.length) };
}

/** Requests of one cell compete; the best of each cell lives on. */
export const cell = ({ route, inputForm, encoding, chunk, headerForm, headers }) =>
  [route, inputForm, encoding, chunk > 0, headers > 10 && headerForm].join(" ");
