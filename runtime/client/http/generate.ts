/**
 * Streams over HTTP: POST /generate_stream and its server-sent events. Tensors travel there as plain JSON, one row at a time.
 */
import { wireDatatype } from "../../../triton-protos/datatype.js";
import { httpError, ProtocolError, wrong } from "../client-error.js";
import { readInput } from "../read-input.js";
import { inferShape } from "../shape-of.js";
import { receive, type Tensor } from "../tensor.js";
import type { RpcAnswer, StreamMessage, WireRequest } from "../wire-call.js";
import { parseJsonText } from "./json-text.js";
import type { HttpHead } from "./send.js";

type Json = Readonly<Record<string, unknown>>;

/** The objects of `data:` lines. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Json> {
  const decoder = new TextDecoder();
  let held = "";
  for await (const chunk of chunks) {
    held += decoder.decode(chunk, { stream: true });
    for (let end = held.search(/\r?\n\r?\n/); end >= 0; end = held.search(/\r?\n\r?\n/)) {
      const event = held.slice(0, end);
      held = held.slice(end).replace(/^\r?\n\r?\n/, "");
      const data = event
        .split(/\r?\n/)
        .flatMap(line => (line.startsWith("data:") ? [line.slice(5).trim()] : []))
        .join("\n");
      if (data && data !== "[DONE]") yield parse(data);
    }
  }
  if (held.trim()) throw new ProtocolError("INTERNAL", "the stream was cut off in the middle of an event");
}

function parse(text: string): Json {
  try {
    return parseJsonText(text) as Json;
  } catch (cause) {
    throw new ProtocolError("INTERNAL", `an event of the stream is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Faults before the first answer are plain JSON with a status. */
export async function refuseStatus(
  { status, chunks }: HttpHead & { chunks: AsyncIterable<Uint8Array> },
  model: string,
): Promise<void> {
  if (status === 200) return;
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  throw httpError(status, errorText(text) ?? `HTTP ${status}`, { model });
}

/** Triton's `{"error": …}`, FastAPI's `{"detail": …}`. */
export function errorText(text: string): string | undefined {
  try {
    const { error, detail } = JSON.parse(text) as { error?: unknown; detail?: unknown };
    const said = error ?? detail;
    return said === undefined ? undefined : typeof said === "string" ? said : JSON.stringify(said);
  } catch {
    return text.trim().slice(0, 500) || undefined;
  }
}

/** A request as flat JSON: each input one value or one list. */
export function flatBody({ id, inputs, parameters, model }: WireRequest): Json {
  const values = inputs.map(({ name, datatype, shape, data }) => {
    if (!(data instanceof Uint8Array))
      throw wrong(`input \`${name}\`: a stream over HTTP takes no shared memory`, model);
    if (shape.filter(dim => dim !== 1).length > 1)
      throw wrong(
        `input \`${name}\` is [${shape.join(",")}]: a stream over HTTP takes single values and lists; use gRPC`,
        model,
      );
    const items = Array.from(receive(name, datatype, shape, data, false).data as ArrayLike<unknown>, item =>
      datatype === "BOOL" ? item === 1 : typeof item === "bigint" ? exact(item, name, model) : item,
    );
    return [name, items.length === 1 ? items[0] : items] as const;
  });
  const given = Object.fromEntries(
    parameters.map(([key, value]) => [key, typeof value === "bigint" ? exact(value, key, model) : value]),
  );
  return { ...(id && { id }), ...Object.fromEntries(values), ...(parameters.length > 0 && { parameters: given }) };
}

function exact(value: bigint, name: string, model: string): number {
  if (Number.isSafeInteger(Number(value))) return Number(value);
  throw wrong(`\`${name}\`: ${value} can't travel as a JSON number; use gRPC`, model);
}

/** An event → an answer with tensors, as the model declares them. */
export function eventAnswer(event: Json, { outputs }: RpcAnswer<"ModelMetadata">): StreamMessage {
  const { error, id, model_name, model_version } = event;
  const tensors = outputs.flatMap(({ name, datatype, shape }): Tensor[] => {
    if (!Object.hasOwn(event, name)) return [];
    const row = wireDatatype(datatype);
    const items = [event[name]].flat(Number.POSITIVE_INFINITY);
    const data = row?.kind === "int" && row.bytes === 8 ? items.map(item => BigInt(item as number)) : items;
    let full: readonly number[];
    try {
      full = inferShape(items.length, shape, name);
    } catch {
      full = [items.length];
    }
    const raw = readInput(name, { datatype, shape: full, data }, undefined).data as Uint8Array;
    return [receive(name, datatype, full, raw, false)];
  });
  const answer = {
    model: String(model_name ?? ""),
    version: String(model_version ?? ""),
    id: String(id ?? ""),
    parameters: new Map(),
    outputs: tensors,
  };
  return error === undefined ? { answer } : { answer, fault: String(error) };
}
