/**
 * A scrape of the metrics port against a recorded one: measurements masked, series sorted inside their family, other models' series left out.
 */
import { differences } from "./masks.js";
import type { MetricsRecord } from "./records.js";
import type { Received } from "./send-http.js";

const MEASURED =
  /^(nv_\w*(?:duration|_us|_secs|utilization|memory_total|memory_used|_sum|summary)\w*(?:\{[^}]*\})?) (\S+)$/;

/** The memory of the server, which a Triton lacks, and the pinned pool, which a server without a GPU lacks (docs/reference/metrics.md). */
const LEFT_OUT = /^(?:# (?:HELP|TYPE) )?(?:merlon_memory_|nv_pinned_memory_pool_)/;

export function compareMetrics({ response, kept_models }: MetricsRecord, got: Received | undefined): string[] {
  if (!got) return [`expected ${response.status}, got a closed connection`];
  const isKept = (line: string): boolean =>
    !LEFT_OUT.test(line) &&
    (!kept_models ||
      line.startsWith("#") ||
      !line.includes('model="') ||
      kept_models.some(model => line.includes(`model="${model}"`)));
  const lines = mask(got.body.toString()).split("\n").filter(isKept);
  const expected = response.text.split("\n").filter(line => !LEFT_OUT.test(line));
  const missing = expected.filter(line => !lines.includes(line));
  const extra = lines.filter(line => !expected.includes(line));
  return [
    ...differences(response.status, got.status, "status"),
    ...missing.map(line => `missing line: ${line}`),
    ...extra.map(line => `further line: ${line}`),
    ...(missing.length + extra.length === 0 && expected.join("\n") !== lines.join("\n") ? ["the order of lines"] : []),
  ];
}

/** As the recorder masked and sorted. */
function mask(text: string): string {
  const out: string[] = [];
  let family: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#") || !line) {
      out.push(...family.sort(), line);
      family = [];
      continue;
    }
    const counts = line.includes("_count{") || line.includes("_bucket{");
    const series = counts ? undefined : MEASURED.exec(line)?.[1];
    family.push(series === undefined ? line : `${series} <number>`);
  }
  return [...out, ...family.sort()].join("\n");
}
