/**
 * One request's traces: their bound, and when they are handed on.
 */
import { expect, test } from "vitest";
import { createTrace, type Trace } from "#runtime/server/observe/tracing/trace.js";

function traced() {
  const ended: Trace[] = [];
  let lastId = 0;
  const trace = createTrace({
    levels: { timestamps: true, tensors: false },
    nextId: () => ++lastId,
    onEnd: one => ended.push(one),
  });
  return { trace, ended };
}

test("a request keeps a limited number of traces and moments, for any calls of its model", () => {
  const { trace } = traced();
  for (let i = 0; i < 5000; i++) {
    trace.child().stamp("REQUEST_START");
    trace.stamp("CUSTOM_ACTIVITY");
  }
  expect([trace.family.length, trace.stamps.length]).toEqual([4096, 4096]);
});

test("a request's traces are handed on once, when it is answered and none of its models runs", () => {
  const { trace, ended } = traced();
  trace.stamp("REQUEST_START");
  const child = trace.child();
  child.stamp("REQUEST_START");
  trace.end();
  child.stamp("REQUEST_END");
  expect(ended).toEqual([]);
  trace.stamp("REQUEST_END");
  expect(ended).toEqual([trace]);
  trace.end();
  const refused = traced();
  refused.trace.end();
  refused.trace.end();
  expect([ended.length, refused.ended.length]).toEqual([1, 1]);
});
