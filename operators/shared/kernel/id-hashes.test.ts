/** The hashes by which Bloom filters know an id: of the number, whatever array holds it. */
import { expect, test } from "vitest";
import { scalars } from "../../../tests/operators/step.js";
import { idHashes } from "./id-hashes.js";

test("an id has the same hashes in any width", () => {
  const ids = [0, 1, -1, -7, 2 ** 31 - 1, -(2 ** 31)];
  const wide = idHashes(scalars("int64", ids).values);
  expect(idHashes(scalars("int32", ids).values)).toEqual(wide);
  expect(idHashes(scalars("uint8", [0, 1]).values)).toEqual({ a: wide.a.slice(0, 2), b: wide.b.slice(0, 2) });
  expect(new Set(wide.a).size).toBe(ids.length);
  expect([...wide.b].every(hash => hash % 2 === 1)).toBe(true);
});
