/** The powers of ten that digits are found with. */
import { expect, test } from "vitest";
import { powerOfTen } from "#runtime/server/transport/http/power-of-ten.js";

test("a power of ten has 64 bits, and is off by half a unit of the last one at most", () => {
  for (let decimal = -348; decimal <= 348; decimal++) {
    const { f, e } = powerOfTen(decimal);
    expect(f >> 63n, `10^${decimal}`).toBe(1n);
    const [above, below] = decimal < 0 ? [1n, 10n ** BigInt(-decimal)] : [10n ** BigInt(decimal), 1n];
    const [raised, unit] = e < 0 ? [above << BigInt(-e), below] : [above, below << BigInt(e)];
    const off = f * unit - raised;
    expect(2n * (off < 0n ? -off : off) <= unit, `10^${decimal}`).toBe(true);
  }
});
