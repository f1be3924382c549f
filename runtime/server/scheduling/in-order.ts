/**
 * `preserve_ordering`: answers in the order in which requests left the queue. One that is refused while it waits has no place in it, as in Triton.
 */

import { inBackground } from "../../base/in-background.js";

/** Called once, with the function that answers the request, after every place before this one has been answered. */
export type Place = (answer: () => void) => void;

/** @returns takes the next place */
export function inOrder(): () => Place {
  let last: Promise<void> = Promise.resolve();
  return () => {
    const before = last;
    let leave!: () => void;
    last = new Promise<void>(resolve => {
      leave = resolve;
    });
    return answer => inBackground(before.then(answer).finally(leave), "answering in order");
  };
}

/** For schedulers that answer in any order. */
export const atOnce = (): Place => answer => answer();
