/**
 * Two traces of one request as one: both receive all notes.
 */
import type { TraceNotes } from "./trace.js";

export function joinTraces(a: TraceNotes, b: TraceNotes): TraceNotes {
  return {
    levels: {
      timestamps: a.levels.timestamps || b.levels.timestamps,
      tensors: a.levels.tensors || b.levels.tensors,
      insides: a.levels.insides === true || b.levels.insides === true,
    },
    get traceparent() {
      return a.traceparent ?? b.traceparent;
    },
    begin(model, version, requestId) {
      a.begin(model, version, requestId);
      b.begin(model, version, requestId);
    },
    stamp(moment, ns = performance.now() * 1e6) {
      a.stamp(moment, ns);
      b.stamp(moment, ns);
    },
    note(activity, tensors) {
      const all = [...tensors];
      a.note(activity, all);
      b.note(activity, all);
    },
    ran(stages, explain) {
      a.ran(stages, explain);
      b.ran(stages, explain);
    },
    arm(names) {
      a.arm?.(names);
      b.arm?.(names);
    },
    fail(message) {
      a.fail(message);
      b.fail(message);
    },
    child: () => joinTraces(a.child(), b.child()),
    end() {
      a.end();
      b.end();
    },
  };
}
