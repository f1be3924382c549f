/** Sequences and their slots against a plain restatement, over random histories: who has which slot, who waits, whose time is over. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSlots, type Sequence, type Waiting } from "#runtime/server/scheduling/sequence-slots.js";
import { requestOf } from "./support.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const IDLE_MS = 20;
/** How soon a sequence that was silent for too long in the backlog ends once it has a slot, as the product has it. */
const OVERDUE_MS = 50;

interface Known {
  readonly id: bigint;
  readonly sequence: Sequence;
  /** Its slot's place in the order in which slots are given; undefined in the backlog. */
  place: number | undefined;
  isOpen: boolean;
  /** When its idle time ends. */
  until: number;
  /** Its place among timers of the same time. */
  order: number;
  isOverdue: boolean;
  isGone: boolean;
}

/** Compares identities: a sequence and its slot name each other. */
function expectSame(some: readonly Sequence[], others: readonly Sequence[]): void {
  expect(some.map(one => others.indexOf(one))).toEqual(others.map(one => others.indexOf(one)));
}

class World {
  readonly #instances: number;
  readonly #count: number;
  readonly #slots;
  readonly #known: Known[] = [];
  readonly #idle: Sequence[] = [];
  readonly #gone: Sequence[] = [];
  readonly #expectedIdle: Sequence[] = [];
  readonly #expectedGone: Sequence[] = [];
  #now = 0;
  #timers = 0;

  constructor(instances: number, perInstance: number) {
    this.#instances = instances;
    this.#count = instances * perInstance;
    this.#slots = createSlots(
      instances,
      perInstance,
      IDLE_MS * 1000,
      sequence => this.#idle.push(sequence),
      sequence => this.#gone.push(sequence),
    );
  }

  /** A request with START: the id of an ended sequence may be used again. */
  open(id: bigint): void {
    if (this.#known.some(one => one.isOpen && one.id === id)) return;
    const sequence = this.#slots.open(id, new Map());
    sequence.queue.push({ request: requestOf("1"), arrived: 0, resolve() {}, reject() {} });
    this.#slots.touch(sequence);
    const place = this.#firstFree();
    const one: Known = {
      ...{ id, sequence, place, isOpen: true, isOverdue: false, isGone: false },
      ...{ until: 0, order: 0 },
    };
    this.#setTimer(one, IDLE_MS);
    this.#known.push(one);
  }

  touch(which: number): void {
    const one = this.#pick(which, ({ isOpen }) => isOpen);
    if (!one) return;
    this.#slots.touch(one.sequence);
    this.#setTimer(one, IDLE_MS);
    one.isOverdue = false;
  }

  end(which: number): void {
    const one = this.#pick(which, () => true);
    if (!one) return;
    this.#slots.end(one.sequence);
    one.isOpen = false;
  }

  /** One of its requests is given up: it gets no slot any more. */
  giveUp(which: number): void {
    const one = this.#pick(which, ({ place }) => place === undefined);
    if (!one) return;
    (one.sequence.queue[0] as Waiting).gone = true;
    one.isGone = true;
  }

  release(which: number): void {
    const one = this.#pick(which, ({ isOpen }) => !isOpen);
    if (!one) return;
    this.#known.splice(this.#known.indexOf(one), 1);
    this.#slots.release(one.sequence);
    // No sequence is looked for where no slot became free.
    if (one.place === undefined) return;
    for (const next of this.#known.filter(({ place }) => place === undefined)) {
      if (!next.isGone) {
        next.place = this.#firstFree();
        if (next.isOverdue) this.#setTimer(next, OVERDUE_MS);
        next.isOverdue = false;
        return;
      }
      this.#expectedGone.push(next.sequence);
      this.#known.splice(this.#known.indexOf(next), 1);
      // As the scheduler does: what is given up ends, and has no timers.
      this.#slots.end(next.sequence);
      this.#slots.release(next.sequence);
    }
  }

  wait(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (const one of this.#known
      .filter(({ until }) => until <= end)
      .sort((a, b) => a.until - b.until || a.order - b.order)) {
      one.until = Infinity;
      if (one.place !== undefined || !one.isOpen) this.#expectedIdle.push(one.sequence);
      else one.isOverdue = true;
    }
    vi.advanceTimersByTime(milliseconds);
    this.#now = end;
  }

  check(): void {
    expect(this.#slots.size).toBe(this.#known.filter(({ isOpen }) => isOpen).length);
    // One comparison of texts: a history has thousands.
    const found = this.#known.map(({ id, sequence: { slot, overdue }, sequence }) =>
      [
        ...[this.#slots.find(id) === sequence, slot?.instance, slot?.index, slot?.place],
        ...[slot === undefined || slot.sequence === sequence, overdue ?? false],
      ].join(),
    );
    const expected = this.#known.map(({ isOpen, place, isOverdue }) => {
      const where = place === undefined ? [] : [place % this.#instances, Math.floor(place / this.#instances), place];
      return [isOpen, where[0], where[1], where[2], true, isOverdue].join();
    });
    expect(found).toEqual(expected);
    const waiting = this.#known.filter(({ place }) => place === undefined).map(({ sequence }) => sequence);
    expectSame([...this.#slots.backlog], waiting);
    expectSame(this.#idle, this.#expectedIdle);
    expectSame(this.#gone, this.#expectedGone);
  }

  finish(): void {
    this.#slots.close();
    const left = this.#known.filter(({ isOpen, place, until }) => !isOpen && place !== undefined && until < Infinity);
    // A sequence that has ended and still runs keeps its timer until it is released.
    expect(vi.getTimerCount()).toBe(left.length);
  }

  #setTimer(one: Known, milliseconds: number): void {
    one.until = this.#now + milliseconds;
    one.order = ++this.#timers;
  }

  #firstFree(): number | undefined {
    const taken = new Set(this.#known.map(({ place }) => place));
    return Array.from({ length: this.#count }, (_, place) => place).find(place => !taken.has(place));
  }

  #pick(which: number, fits: (one: Known) => boolean): Known | undefined {
    const those = this.#known.filter(fits);
    return those[which % those.length];
  }
}

const which = fc.nat(12);
const command = (name: string, run: (world: World) => void): fc.Command<object, World> => ({
  check: () => true,
  run(_, world) {
    run(world);
    world.check();
  },
  toString: () => name,
});
const open = fc.bigInt({ min: 1n, max: 9n }).map(id => command(`open ${id}`, world => world.open(id)));
const release = which.map(n => command(`release ${n}`, world => world.release(n)));
const COMMANDS = [
  open,
  open,
  which.map(n => command(`touch ${n}`, world => world.touch(n))),
  which.map(n => command(`end ${n}`, world => world.end(n))),
  which.map(n => command(`give up ${n}`, world => world.giveUp(n))),
  release,
  fc.constantFrom(5, 19, 30, 60).map(ms => command(`wait ${ms}`, world => world.wait(ms))),
];

test("any history leaves each sequence where it belongs", () => {
  const size = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(size, size, fc.commands(COMMANDS, { maxCommands: 60, size: "max" }), (instances, width, commands) => {
      vi.clearAllTimers();
      const world = new World(instances, width);
      fc.modelRun(() => ({ model: {}, real: world }), commands);
      world.finish();
    }),
    { numRuns: 250 },
  );
});

describe("slots", () => {
  test("of 2^31 are made when they are needed", () => {
    const slots = createSlots(
      2,
      2 ** 30,
      1e6,
      () => {},
      () => {},
    );
    const places = ["a", "b", "c"].map(id => slots.open(id, new Map()).slot!);
    expect(places.map(({ instance, index }) => [instance, index])).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });
  test("an ended sequence's id may be in use again, and its end leaves the new one", () => {
    const slots = createSlots(
      1,
      2,
      1e6,
      () => {},
      () => {},
    );
    const first = slots.open(1n, new Map());
    slots.end(first);
    const second = slots.open(1n, new Map());
    slots.end(first);
    expect(slots.find(1n)).toBe(second);
  });
  test("a sequence that gets a slot has no deadline any more", () => {
    const slots = createSlots(
      1,
      1,
      1e6,
      () => {},
      () => {},
    );
    const first = slots.open(1n, new Map());
    const second = slots.open(2n, new Map());
    const expired = vi.fn();
    second.deadline = setTimeout(expired, 10) as unknown as NodeJS.Timeout;
    slots.end(first);
    slots.release(first);
    vi.advanceTimersByTime(20);
    expect([second.slot?.index, expired.mock.calls.length]).toEqual([0, 0]);
  });
  test("have no timer of a sequence that is released, and of none after they are closed", () => {
    const slots = createSlots(
      1,
      1,
      1e6,
      () => {},
      () => {},
    );
    const [seated, waiting, left] = [1n, 2n, 3n].map(id => slots.open(id, new Map()));
    for (const one of [waiting!, left!]) {
      slots.touch(one);
      one.deadline = setTimeout(() => {}, 10) as unknown as NodeJS.Timeout;
    }
    slots.end(waiting!);
    slots.release(waiting!);
    expect([seated, waiting, left].map(one => one!.phase)).toEqual(["seated", "gone", "waiting"]);
    expect(vi.getTimerCount()).toBe(2);
    slots.close();
    expect(vi.getTimerCount()).toBe(0);
  });
  test("let a process end while a sequence is idle", () => {
    const slots = createSlots(
      1,
      1,
      1e6,
      () => {},
      () => {},
    );
    const sequence = slots.open(1n, new Map());
    slots.touch(sequence);
    expect(sequence.timer!.hasRef()).toBe(false);
  });
});
