/** Lines that strangers can cause. */
import { expect, test } from "vitest";
import { seldom } from "#runtime/server/observe/seldom.js";

test("the first is written, then one a minute with the number of those between", () => {
  let now = 1000;
  const lines: string[] = [];
  const write = seldom(
    text => void lines.push(text),
    () => now,
  );
  for (const text of ["a", "b", "c"]) write(text);
  now += 60_000;
  for (const text of ["d", "e"]) write(text);
  now += 120_000;
  write("f");
  now += 60_000;
  write("g");
  expect(lines).toEqual(["a", "d (2 more since the last such line)", "f (1 more since the last such line)", "g"]);
});
