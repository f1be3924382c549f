import { describe, expect, test } from "vitest";
import { ArmGuard } from "#operators/split/kernel-guard.js";
import type { Guardrail } from "#operators/split/spec.js";
import { systemClock } from "#runtime/base/clock.js";
import type { ArmPeer, ArmShare } from "#runtime/engine/schedule/shared-arms.js";

const DEFAULTS = { window: 500, minimum: 100 };
const ok = { failed: false, done: true, milliseconds: 1 };
const failed = { ...ok, failed: true };

function opened(limits: Partial<Guardrail>) {
  const reasons: (string | undefined)[] = [];
  const guard = new ArmGuard({ ...DEFAULTS, ...limits }, reason => reasons.push(reason));
  return { guard, reasons };
}

describe("an arm", () => {
  test("is stopped above the error rate, and not at it, and not before the minimum", () => {
    const { guard, reasons } = opened({ errorRate: 0.02 });
    for (let key = 0; key < 99; key++) guard.note(key, key < 2 ? failed : ok, 0);
    expect(guard.isStopped(0)).toBe(false);
    guard.note(99, ok, 0);
    // 2 of 100 are 2 %.
    expect(guard.isStopped(0)).toBe(false);
    guard.note(100, failed, 0);
    expect([guard.isStopped(0), guard.isStopped(1e15)]).toEqual([true, true]);
    expect(reasons).toEqual(["3 of its last 101 requests failed, and `errorRate` is 0.02"]);
    guard.note(101, failed, 0);
    expect(reasons).toHaveLength(1);
  });
  test("of requests that a client cancels counts those that were slow already", () => {
    const { guard } = opened({ p99Ms: 50, minimum: 1 });
    for (let key = 0; key < 10; key++) guard.note(key, { failed: false, done: false, milliseconds: 49 }, 0);
    expect(guard.isStopped(0)).toBe(false);
    guard.note(11, { failed: false, done: false, milliseconds: 51 }, 0);
    expect(guard.isStopped(0)).toBe(true);
  });
  test("serves again after its pause, with an empty window", () => {
    const { guard, reasons } = opened({ errorRate: 0.5, minimum: 2, resumeSeconds: 60 });
    const fail = (now: number) => [1, 2].map(key => guard.note(key, failed, now));
    fail(1000);
    expect([guard.isStopped(60_999), guard.isStopped(61_000)]).toEqual([true, false]);
    guard.note(1, failed, 61_000);
    expect(guard.isStopped(61_000)).toBe(false);
    fail(61_000);
    expect(guard.isStopped(61_001)).toBe(true);
    expect(reasons).toHaveLength(2);
  });
});

describe("guards of two workers", () => {
  /** Outcomes cross at once here. */
  function pair(limits: Partial<Guardrail>) {
    const time = { now: 0 };
    const clock = { ...systemClock, now: () => time.now };
    const peers: ArmPeer[] = [];
    const reasons: (string | undefined)[][] = [[], []];
    const guards = reasons.map((own, i) => {
      const share = (peer: ArmPeer): ArmShare => {
        peers[i] = peer;
        return {
          noted: (key, flags) => peers[1 - i]!.take(Float64Array.of(key, flags)),
          stopped: until => peers[1 - i]!.stop(until),
        };
      };
      return new ArmGuard({ ...DEFAULTS, ...limits }, reason => own.push(reason), share, clock);
    });
    return { time, guards, reasons };
  }

  test("have one window, and one of them stops the arm of both", () => {
    const { guards, reasons } = pair({ errorRate: 0.02 });
    for (let key = 0; key < 99; key++) guards[key % 2]!.note(key, failed, 0);
    expect(guards.map(guard => guard.isStopped(0))).toEqual([false, false]);
    guards[1]!.note(99, ok, 0);
    expect(guards.map(guard => guard.isStopped(1e15))).toEqual([true, true]);
    expect(reasons).toEqual([[undefined], ["99 of its last 100 requests failed, and `errorRate` is 0.02"]]);
    expect(guards.map(guard => guard.isStoppedByOther)).toEqual([true, false]);
  });
  test("serve again after the pause, both with an empty window", () => {
    const { time, guards, reasons } = pair({ errorRate: 0.5, minimum: 2, resumeSeconds: 60 });
    for (const key of [1, 2]) guards[0]!.note(key, failed, 0);
    expect(guards.map(guard => guard.isStopped(59_999))).toEqual([true, true]);
    time.now = 60_000;
    // The second worker has no request of its own meanwhile.
    guards[0]!.isStopped(60_000);
    guards[0]!.note(3, failed, 60_000);
    guards[1]!.isStopped(60_000);
    expect(reasons.map(own => own.length)).toEqual([1, 1]);
    guards[1]!.note(4, failed, 60_000);
    expect(reasons.map(own => own.length)).toEqual([2, 2]);
  });
});
