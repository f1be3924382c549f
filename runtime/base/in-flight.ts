/**
 * How many requests this process answers at the moment: whether the event loop may wait for a call, since nobody else waits for the event loop. There is
 * one event loop in a process, however many servers it runs.
 */
let requests = 0;

export const requestBegins = (): void => {
  requests++;
};
export const requestEnds = (): void => {
  requests--;
};
/** Whether the caller's request is the only one. */
export const isAlone = (): boolean => requests <= 1;
