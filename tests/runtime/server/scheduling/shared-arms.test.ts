import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ArmPeer, ArmShare } from "#runtime/engine/schedule/shared-arms.js";
import { type ArmNews, SharedArms } from "#runtime/server/scheduling/shared-arms.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const NAME = { model: "m", arm: "1 plan step treatment" };

/** A guard that notes what it is given. */
function peerOf() {
  const taken: (readonly number[] | number)[] = [];
  const peer: ArmPeer = { take: outcomes => void taken.push([...outcomes]), stop: until => void taken.push(until) };
  return { taken, peer };
}

/** Two workers; news cross as through a channel. */
function workers() {
  const sent: (readonly ArmNews[])[] = [];
  const second: SharedArms = new SharedArms(news => first.take(structuredClone(news)));
  const first: SharedArms = new SharedArms(news => {
    sent.push(news);
    second.take(structuredClone(news));
  });
  return { first, second, sent };
}

const noteAll = (share: ArmShare, keys: number, from = 0) => {
  for (let key = from; key < from + keys; key++) share.noted(key, key % 2);
};

test("outcomes cross in batches, to the arm of the same name", () => {
  const { first, second, sent } = workers();
  const [own, other, stranger] = [peerOf(), peerOf(), peerOf()];
  const share = first.join(NAME, own.peer);
  second.join(NAME, other.peer);
  second.join({ ...NAME, arm: "2 plan step treatment" }, stranger.peer);
  noteAll(share, 3);
  expect(other.taken).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(other.taken).toEqual([[0, 0, 1, 1, 2, 0]]);
  expect([own.taken, stranger.taken]).toEqual([[], []]);
  vi.advanceTimersByTime(1000);
  expect(sent).toHaveLength(1);
  noteAll(share, 1, 3);
  vi.advanceTimersByTime(100);
  expect(other.taken.slice(1)).toEqual([[3, 1]]);
});

test("a thousand outcomes cross at once", () => {
  const { first, second } = workers();
  const other = peerOf();
  const share = first.join(NAME, peerOf().peer);
  second.join(NAME, other.peer);
  noteAll(share, 1001);
  expect((other.taken[0] as number[]).length).toBe(2000);
  expect(other.taken).toHaveLength(1);
  vi.advanceTimersByTime(100);
  expect(other.taken).toHaveLength(2);
});

test("a stop crosses at once, behind the outcomes before it", () => {
  const { first, second } = workers();
  const other = peerOf();
  const share = first.join(NAME, peerOf().peer);
  second.join(NAME, other.peer);
  noteAll(share, 1);
  share.stopped(Number.POSITIVE_INFINITY);
  expect(other.taken).toEqual([[0, 0], Number.POSITIVE_INFINITY]);
});
