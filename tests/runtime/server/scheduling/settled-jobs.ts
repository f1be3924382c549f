/** Jobs that keep how they were settled. */
import { RuntimeFault } from "#runtime/base/errors.js";
import type { Job } from "#runtime/server/scheduling/job.js";
import type { Executed } from "#runtime/server/scheduling/scheduler.js";
import { type Asked, requestOf } from "./support.js";

export const fault = new RuntimeFault("INTERNAL", "no luck");
export const answered = { outputs: [] };

export interface Settled extends Job {
  readonly done: Executed[];
  readonly faults: RuntimeFault[];
  readonly given: unknown[];
  readonly again?: never;
}
export const jobOf = (id: string, asked: Asked = {}, more: Partial<Job> = {}): Settled => {
  const [done, faults, given]: [Executed[], RuntimeFault[], unknown[]] = [[], [], []];
  return {
    ...{ request: requestOf(id, asked), arrived: performance.now() * 1e6, done, faults, given },
    answers: answer => given.push(answer),
    resolve: one => done.push(one),
    reject: one => faults.push(one as RuntimeFault),
    ...more,
  } as Settled;
};
export const messages = ({ faults }: Settled): string[] => faults.map(({ message }) => message);
