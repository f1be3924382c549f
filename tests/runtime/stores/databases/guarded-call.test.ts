/** The pause after a failed connection, when the machine's clock is set. */
import { afterEach, expect, test, vi } from "vitest";
import { guardedCalls } from "#runtime/stores/databases/guarded-call.js";
import { until } from "../../../run/wait.js";

afterEach(() => void vi.restoreAllMocks());

test("a clock that is set back does not prolong the pause after a failed connection", async () => {
  const settings = { where: "a database", mask: (text: string) => text } as Parameters<typeof guardedCalls>[0];
  const call = guardedCalls(settings, 1000, () => ({ kind: "away", reason: "refused", way: "" }));
  const failing = vi.fn(() => Promise.reject(new Error("refused")));
  await expect(call(failing)).rejects.toThrow("a database cannot be reached: refused.");
  await expect(call(failing)).rejects.toThrow("a database cannot be reached: refused.");
  expect(failing).toHaveBeenCalledTimes(1);
  const now = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => now() - 86_400_000);
  const found = () => call(() => Promise.resolve("answer")).catch(() => undefined);
  expect(await until("the pause ends", found, 5000)).toBe("answer");
});

test("a long text of a server is one short line of the message", async () => {
  const settings = { where: "a database", mask: (text: string) => text.replaceAll("sesame", "***") };
  const reason = `no\r\n\0 sesame ${"\u2028x".repeat(10_000_000)}`;
  for (const kind of ["refused", "away"] as const) {
    const call = guardedCalls(settings as Parameters<typeof guardedCalls>[0], 1000, () => ({
      kind,
      reason,
      way: "Look.",
    }));
    const fault = (await call(() => Promise.reject(new Error(reason))).catch((error: unknown) => error)) as Error;
    expect(fault.message).toMatch(/^a database (refuses|cannot be reached): no \*\*\* x( x)+…\. Look\.$/);
    expect(fault.message.length).toBeLessThan(400);
  }
});
