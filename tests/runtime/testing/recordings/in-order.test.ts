import { expect, test } from "vitest";
import { createOrder } from "#runtime/testing/recordings/in-order.js";
import { until } from "../../../run/wait.js";

test("work is done in its order, and refused where too much waits", async () => {
  const inOrder = createOrder(10);
  const done: string[] = [];
  const release: (() => void)[] = [];
  const slow = (name: string) => async (): Promise<void> => {
    await new Promise<void>(resolve => release.push(resolve));
    done.push(name);
  };
  const all = [inOrder(20, slow("large"))];
  expect(inOrder(1, slow("refused"))).toBeUndefined();
  await until("the first runs", () => release.length === 1);
  release[0]!();
  await all[0];
  const failing = inOrder(4, async () => {
    throw new Error("it fails");
  });
  all.push(inOrder(6, slow("second")));
  expect(inOrder(1, slow("refused"))).toBeUndefined();
  await expect(failing).rejects.toThrow("it fails");
  all.push(inOrder(4, slow("third")));
  await until("the second runs", () => release.length === 2);
  release[1]!();
  await until("the third runs", () => release.length === 3);
  release[2]!();
  await Promise.all(all);
  expect(done).toEqual(["large", "second", "third"]);
});
