#!/usr/bin/env node
/**
 * Stands in for the OpenTelemetry collector with the one configuration that L0_trace gives it. It collects traces over OTLP/HTTP (protobuf) on port 10000 until
 * there are ten spans or ten seconds have passed. Then it writes one line of JSON into `collected_traces.json`, as the collector's file exporter does. The file begins
 * empty.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import protobuf from "protobufjs";

const [PORT, SPANS, MILLISECONDS, FILE] = [10000, 10, 10_000, "collected_traces.json"];
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resourceSpans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
  message Scope { string name = 1; string version = 2; }
  message Span {
    bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
    fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; repeated Event events = 11;
  }
  message Event { fixed64 timeUnixNano = 1; string name = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; } }
`);
const Request = root.lookupType("Request");

writeFileSync(FILE, "");
let held = [];
let timer = setInterval(flush, MILLISECONDS);

function flush() {
  if (held.length > 0) appendFileSync(FILE, `${JSON.stringify({ resourceSpans: held })}\n`);
  held = [];
  clearInterval(timer);
  timer = setInterval(flush, MILLISECONDS);
}

const hexIds = span => ({
  ...span,
  ...Object.fromEntries(
    ["traceId", "spanId", "parentSpanId"].map(key => [key, Buffer.from(span[key] ?? []).toString("hex")]),
  ),
});

createServer((request, response) => {
  const chunks = [];
  request.on("data", chunk => chunks.push(chunk));
  request.on("end", () => {
    const message = Request.toObject(Request.decode(Buffer.concat(chunks)), { longs: String });
    for (const resource of message.resourceSpans ?? [])
      held.push({
        ...resource,
        scopeSpans: resource.scopeSpans.map(scope => ({ ...scope, spans: scope.spans.map(hexIds) })),
      });
    const spans = held.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans));
    if (spans.length >= SPANS) flush();
    response.end();
  });
}).listen(PORT, "0.0.0.0");
