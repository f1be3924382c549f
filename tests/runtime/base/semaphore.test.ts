import { expect, test } from "vitest";
import { Cancellable } from "#runtime/base/cancellation.js";
import { semaphore } from "#runtime/base/semaphore.js";

test("a limited number runs at once; cancelled waiters do not run; a fault releases the slot", async () => {
  const turns = semaphore(2);
  const running = new Map<string, { end(): void; fail(): void }>();
  const begun: string[] = [];
  const ask = (name: string, signal?: Cancellable) =>
    turns(() => {
      begun.push(name);
      return new Promise<string>((resolve, reject) => {
        running.set(name, { end: () => resolve(name), fail: () => reject(new Error(`${name} failed`)) });
      });
    }, signal);
  const settle = () => new Promise(resolve => setImmediate(resolve));
  const left = new Cancellable();
  const [a, b, c, d, e, f] = [ask("a"), ask("b"), ask("c", left), ask("d", left), ask("e"), ask("f")];
  const outcomes = Promise.allSettled([a, b, c, d, e, f]);
  await settle();
  expect(begun).toEqual(["a", "b"]);
  left.abort();
  running.get("a")!.end();
  await settle();
  expect(begun).toEqual(["a", "b", "e"]);
  running.get("e")!.fail();
  await settle();
  expect(begun).toEqual(["a", "b", "e", "f"]);
  running.get("b")!.end();
  running.get("f")!.end();
  expect(
    (await outcomes).map(outcome => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.message)),
  ).toEqual(["a", "b", "the request was cancelled", "the request was cancelled", "e failed", "f"]);
  // All turns are free again.
  const again = [ask("g"), ask("h")];
  await settle();
  expect(begun.slice(-2)).toEqual(["g", "h"]);
  for (const name of ["g", "h"]) running.get(name)!.end();
  await Promise.all(again);
});
