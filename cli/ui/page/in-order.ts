/** Responses that may arrive in another order than their calls were made. */
export interface Readings {
  /** A number for the call that is made now. */
  begin(): number;
  /** Whether to show the response of this call: not if that of a later one is shown already. */
  isNews(turn: number): boolean;
}

export function inOrder(): Readings {
  let [begun, shown] = [0, 0];
  return {
    begin: () => ++begun,
    isNews(turn) {
      if (turn < shown) return false;
      shown = turn;
      return true;
    },
  };
}
