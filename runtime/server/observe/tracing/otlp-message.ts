/**
 * Spans → the message of an OTLP export (`opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`).
 */
import protobuf from "protobufjs";

export interface Span {
  /** Hexadecimal, 32 digits. */
  readonly traceId: string;
  /** Hexadecimal, 16 digits. */
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentId: string;
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: readonly { readonly name: string; readonly at: bigint }[];
}

type Fields = Readonly<Record<string, readonly [id: number, type: string, rule?: "repeated"]>>;

const message = (fields: Fields) => ({
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [id, type, rule]]) => [name, { id, type, ...(rule && { rule }) }]),
  ),
});

/** The parts of opentelemetry-proto that a span needs, by field number. */
const ROOT = protobuf.Root.fromJSON({
  nested: {
    Request: message({ resourceSpans: [1, "ResourceSpans", "repeated"] }),
    ResourceSpans: message({ resource: [1, "Resource"], scopeSpans: [2, "ScopeSpans", "repeated"] }),
    Resource: message({ attributes: [1, "KeyValue", "repeated"] }),
    ScopeSpans: message({ scope: [1, "Scope"], spans: [2, "Span", "repeated"] }),
    Scope: message({ name: [1, "string"], version: [2, "string"] }),
    Span: message({
      traceId: [1, "bytes"],
      spanId: [2, "bytes"],
      parentSpanId: [4, "bytes"],
      name: [5, "string"],
      kind: [6, "int32"],
      start: [7, "fixed64"],
      end: [8, "fixed64"],
      attributes: [9, "KeyValue", "repeated"],
      events: [11, "Event", "repeated"],
    }),
    Event: message({ at: [1, "fixed64"], name: [2, "string"] }),
    KeyValue: message({ key: [1, "string"], value: [2, "AnyValue"] }),
    // A number that is 0 is sent too: a oneof has presence.
    AnyValue: {
      oneofs: { value: { oneof: ["stringValue", "intValue"] } },
      ...message({ stringValue: [1, "string"], intValue: [3, "int64"] }),
    },
  },
});
const REQUEST = ROOT.lookupType("Request");

const [INTERNAL, SERVER] = [1, 2];

export function encodeTraces(resource: Readonly<Record<string, string>>, spans: readonly Span[]): Uint8Array {
  const scope = { name: "triton-server" };
  const request = {
    resourceSpans: [
      { resource: { attributes: attributesOf(resource) }, scopeSpans: [{ scope, spans: spans.map(spanMessage) }] },
    ],
  };
  return REQUEST.encode(REQUEST.fromObject(request)).finish();
}

const spanMessage = ({ traceId, spanId, parentId, name, start, end, attributes, events }: Span) => ({
  traceId: Buffer.from(traceId, "hex"),
  spanId: Buffer.from(spanId, "hex"),
  ...(parentId && { parentSpanId: Buffer.from(parentId, "hex") }),
  name,
  kind: name === "InferRequest" ? SERVER : INTERNAL,
  start: long(start),
  end: long(end),
  attributes: attributesOf(attributes),
  events: events.map(event => ({ name: event.name, at: long(event.at) })),
});

const attributesOf = (attributes: Readonly<Record<string, string | number>>) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: value } : { stringValue: value },
  }));

/** The halves of a 64-bit integer, as protobufjs takes it. */
const long = (value: bigint) => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n)),
  unsigned: true,
});
