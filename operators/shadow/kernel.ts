/** The left side's columns unchanged, and the comparison with the other's, which the engine runs after the response. */
import type { Column } from "../../runtime/base/columns/table.js";
import type { Compared, Kernel, ShadowCounters } from "../../runtime/engine/schedule/kernel.js";
import { compareLists } from "./kernel-compare.js";

export const shadow: Kernel<"shadow"> = {
  prepare: ({ params: { rate, inFlight, within, topk, item, score }, outputs }) => {
    const counters: ShadowCounters = {
      runs: {
        compared: 0,
        failed: 0,
        late: 0,
        skipped_in_flight: 0,
        skipped_busy: 0,
        skipped_memory: 0,
        skipped_batch: 0,
      },
      lists: { equal: 0, different: 0 },
      overlap: 0,
      scores: 0,
      scoreDifference: 0,
    };
    const [itemAt, scoreAt] = [item, score].map(wanted => outputs.findIndex(({ name }) => name === wanted));
    const picked = (columns: readonly Column[]): Compared => ({ item: columns[itemAt!], score: columns[scoreAt!] });
    return {
      run: ({ input }) => input,
      shadow: {
        rate,
        inFlight,
        within,
        counters,
        compare: (main, other) => {
          const sides = { main: picked(main), other: picked(other) };
          return { ...sides, differences: compareLists(sides.main, sides.other, topk, counters) };
        },
      },
    };
  },
};
