/**
 * Jobs in the order of their arrival, of which any may leave. A Set that jobs enter and leave all the time would keep each of them until a full garbage
 * collection. V8 links a table that a Set has outgrown to its next one, so an old table keeps all later ones. A tenth of the memory of busy requests
 * then survived each young collection, which took a seventh of the event loop's time.
 */
import type { Job, Place } from "./job.js";

export class JobQueue {
  #first: Place | undefined;
  #last: Place | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): Job | undefined {
    return this.#first?.job;
  }

  /** @param job that is in no queue */
  add(job: Job): void {
    const place: Place = { queue: this, job, before: this.#last, after: undefined };
    if (this.#last) this.#last.after = place;
    else this.#first = place;
    this.#last = place;
    job.place = place;
    this.#size++;
  }

  /** @returns whether the job was in this queue */
  delete(job: Job): boolean {
    const { place } = job;
    if (place?.queue !== this) return false;
    const { before, after } = place;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    // An old place would keep its neighbors until a full collection, too.
    place.before = undefined;
    place.after = undefined;
    job.place = undefined;
    this.#size--;
    return true;
  }

  /** In the order of arrival. No job may leave meanwhile. */
  *[Symbol.iterator](): Generator<Job, void> {
    for (let place = this.#first; place; place = place.after) yield place.job;
  }
}
