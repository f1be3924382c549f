/**
 * Runs the records that the environment asks for and answers what is not on the known list. CONFORMANCE_UPDATE=1 writes list and report.
 */
import { writeFileSync } from "node:fs";
import { type ListName, surprises, updateKnown, writeReport } from "./known-list.js";
import { type Outcome, summary } from "./report.js";

export async function finish<R extends { readonly id: string }>(
  records: readonly R[],
  run: (record: R) => Promise<Outcome>,
  parallel: number,
  list: ListName,
): Promise<string[]> {
  const filter = process.env.CONFORMANCE_FILTER ?? "";
  const chosen = records.filter(({ id }) => id.includes(filter));
  const outcomes: Outcome[] = [];
  const queue = [...chosen.entries()];
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let next = queue.shift(); next; next = queue.shift())
        outcomes[next[0]] = await within(run(next[1]), next[1].id);
    }),
  );
  if (process.env.CONFORMANCE_OUT) writeFileSync(process.env.CONFORMANCE_OUT, JSON.stringify(outcomes, null, 1));
  if (outcomes.length > 0) process.stdout.write(`${summary(outcomes)}\n`);
  if (process.env.CONFORMANCE_UPDATE) {
    updateKnown(outcomes, list);
    if (!filter) writeReport(outcomes, list);
    return [];
  }
  return surprises(outcomes, list);
}

/** A record that hangs is a difference, not the end of the run. */
async function within(outcome: Promise<Outcome>, id: string): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>(resolve => {
    timer = setTimeout(() => {
      process.stdout.write(`${id} did not end within ${LIMIT_MS} ms\n`);
      resolve({ id, note: "", group: "hangs", answers: ["did not end"], log: [] });
    }, LIMIT_MS);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}

const LIMIT_MS = 45_000;
