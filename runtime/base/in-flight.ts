/**
 * Counts the requests in flight: with a single one, a synchronous call may block the event loop. A process has one event loop, however many servers it runs.
 */
let requests = 0;

export const requestBegins = (): void => {
  requests++;
};
export const requestEnds = (): void => {
  requests--;
};
/** True if the caller's request is the only one. */
export const isAlone = (): boolean => requests <= 1;
