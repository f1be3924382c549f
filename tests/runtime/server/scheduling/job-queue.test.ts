/** The queue of jobs against an array, over random histories. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Job } from "#runtime/server/scheduling/job.js";
import { JobQueue } from "#runtime/server/scheduling/job-queue.js";
import { requestOf } from "./support.js";

const jobOf = (id: number): Job => ({ request: requestOf(String(id)), arrived: 0, resolve() {}, reject() {} });

test("jobs are in the order of arrival, and any may leave and arrive again", () => {
  const step = fc.record({ what: fc.constantFrom("add", "delete", "first"), which: fc.nat(7) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const jobs = Array.from({ length: 8 }, (_, i) => jobOf(i));
      const queue = new JobQueue();
      const model: Job[] = [];
      for (const { what, which } of steps) {
        const job = what === "first" ? model[0] : jobs[which]!;
        expect(queue.first).toBe(model[0]);
        if (!job) continue;
        const at = model.indexOf(job);
        if (what !== "add") {
          expect(queue.delete(job)).toBe(at >= 0);
          if (at >= 0) model.splice(at, 1);
        } else if (at < 0) {
          queue.add(job);
          model.push(job);
        }
        expect([...queue]).toEqual(model);
        expect(queue.size).toBe(model.length);
      }
    }),
  );
});

test("a job of another queue is not taken out", () => {
  const [one, other, job] = [new JobQueue(), new JobQueue(), jobOf(1)];
  one.add(job);
  expect(other.delete(job)).toBe(false);
  expect([one.size, other.size]).toEqual([1, 0]);
});
