/**
 * A test that leaves a rejected promise or a thrown error behind fails itself. Vitest fails the run for it, and reports the test as
 * passed. It ignores an event that a test has a listener for, so there is a listener during tests alone.
 */
import { afterEach, beforeEach } from "vitest";

// Fake timers replace the global one.
const turn = setImmediate;
const left: unknown[] = [];
const note = (error: unknown): void => void left.push(error);
const EVENTS = ["unhandledRejection", "uncaughtException"] as const;

beforeEach(() => {
  for (const event of EVENTS) process.on(event as "uncaughtException", note);
});

afterEach(async () => {
  // Node reports a rejection when the queue of microtasks is empty; a second turn is for one that the first one's work leaves.
  await new Promise<void>(done => turn(() => turn(done)));
  for (const event of EVENTS) process.off(event, note);
  const found = left.splice(0);
  if (found.length > 0) throw new AggregateError(found, "the test left errors behind that nothing handles");
});
