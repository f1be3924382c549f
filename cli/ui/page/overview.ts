/** The overview: rate, latencies and failures of the last minutes as figures and charts, and tables since the start. */
import type { RequestHistory } from "../../../runtime/server/observe/request-history.js";
import { drawChart } from "./chart.js";
import { at, element, fillTable, row } from "./elements.js";
import { printCount, printDuration, printMs, printPart, printRate } from "./figures.js";
import { inOrder } from "./in-order.js";
import { call } from "./server-calls.js";
import { state } from "./state.js";
import { currentTab } from "./tabs.js";

const readings = inOrder();

export async function showHistory(): Promise<void> {
  if (currentTab() !== "overview") return;
  const turn = readings.begin();
  const one = at<HTMLSelectElement>("scope").value === "one" ? state.model : undefined;
  const got = await call(`/history${one === undefined ? "" : `?model=${encodeURIComponent(one)}`}`);
  // A model without requests has the intervals of all models.
  const history = (await (got.ok ? got : await call("/history")).json()) as RequestHistory;
  if (!readings.isNews(turn)) return;
  draw(got.ok ? history : withoutRequests(history));
}

const withoutRequests = ({ intervalMs, intervals }: RequestHistory): RequestHistory => {
  const none = { requests: 0, failures: 0, p50: null, p95: null, p99: null };
  return { intervalMs, intervals: intervals.map(({ start }) => ({ start, ...none })), whole: { start: 0, ...none } };
};

function draw({ intervalMs, intervals, whole }: RequestHistory): void {
  const seconds = intervalMs / 1000;
  const times = intervals.map(({ start }) => start);
  // The last interval is not over.
  const running = Math.max(0.5, (Date.now() - times.at(-1)!) / 1000);
  const per = (count: number, i: number): number =>
    count / (i === intervals.length - 1 ? Math.min(seconds, running) : seconds);
  const window = printDuration((intervals.length * intervalMs) / 1000);
  at("window").textContent = `last ${window}, every ${printDuration(seconds)}`;
  const latest = intervals.slice(-3, -1);
  const rate = latest.reduce((sum, { requests }) => sum + requests, 0) / (latest.length * seconds);
  const tiles = [
    [`Rate, last ${printDuration(latest.length * seconds)}`, printRate(rate)],
    [`Requests, last ${window}`, printCount(whole.requests)],
    ["Failed", `${printCount(whole.failures)} · ${printPart(whole.failures, whole.requests)}`],
    ["p50", printMs(whole.p50)],
    ["p95", printMs(whole.p95)],
    ["p99", printMs(whole.p99)],
  ] as const;
  at("tiles").replaceChildren(
    ...tiles.map(([name, value]) => element("div", "", {}, element("dt", name), element("dd", value))),
  );
  const common = { times, intervalMs };
  drawChart(at("chart-rate"), {
    ...common,
    title: "Requests",
    print: printRate,
    series: [{ name: "rate", kind: "one", values: intervals.map(({ requests }, i) => per(requests, i)) }],
  });
  drawChart(at("chart-latency"), {
    ...common,
    title: "Latency",
    print: printMs,
    series: (["p50", "p95", "p99"] as const).map((name, i) => ({
      name,
      kind: (["one", "two", "three"] as const)[i]!,
      values: intervals.map(interval => interval[name]),
    })),
  });
  drawChart(at("chart-errors"), {
    ...common,
    title: "Failures",
    bars: true,
    print: printRate,
    series: [{ name: "rate", kind: "fault", values: intervals.map(({ failures }, i) => per(failures, i)) }],
  });
}

/** Tables of counts since the start. */
export function showTotals(): void {
  const { stats, stages } = state.counts!;
  fillTable(
    at("counts"),
    ["model", "requests", "failed", "mean"],
    stats.map(({ name, inference_stats }) => {
      const [success, fail] = [tally(inference_stats?.success), tally(inference_stats?.fail)];
      return row([name, printCount(success.count + fail.count), printCount(fail.count), meanOf(success)]);
    }),
  );
  const own = stages.filter(({ model }) => model === state.model);
  if (own.length === 0)
    at("stages").replaceChildren(element("caption", `${state.model ?? "This model"} has no steps of its own.`));
  else
    fillTable(
      at("stages"),
      ["step", "runs", "failed", "mean", "rows in", "rows out"],
      own.map(({ stage, count, failures, seconds, rowsIn, rowsOut, empty }) =>
        row([
          empty.length === 0 ? stage : emptyStage(stage, empty),
          printCount(count + failures),
          printCount(failures),
          meanOf({ count, ns: seconds * 1e9 }),
          printCount(rowsIn),
          printCount(rowsOut),
        ]),
      ),
    );
}

/** The step with its lacks of the last minute. */
const emptyStage = (stage: string, empty: readonly string[]): HTMLElement =>
  element("span", stage, {}, ...empty.map(lack => element("div", `Last minute: ${lack}.`, { class: "bad" })));

const tally = (given: { count?: string | number; ns?: string | number } = {}) => ({
  count: Number(given.count ?? 0),
  ns: Number(given.ns ?? 0),
});
const meanOf = ({ count, ns }: { count: number; ns: number }): string => printMs(count === 0 ? null : ns / count / 1e6);
