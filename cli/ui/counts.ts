/**
 * The page receives every second: states and statistics of models, what each stage has done since the start, and the newest request.
 */
import type { ReadableRequests } from "../../runtime/server/observe/tracing/recent-requests.js";
import type { StagedStatistics } from "../../runtime/server/requests/server-calls.js";
import { ask, type ShownServer } from "./ask-server.js";

type ModelStats = Pick<StagedStatistics, "name" | "stages">;

/** @throws Error with the server's own text where it does not answer these */
export async function counts(server: ShownServer, recent: ReadableRequests | undefined): Promise<object> {
  const [models, stats, state] = await Promise.all([
    json(server, "POST", "/v2/repository/index", "{}"),
    json(server, "GET", "/v2/models/stats"),
    recent?.state(),
  ]);
  const { model_stats } = stats as { model_stats: readonly ModelStats[] };
  return {
    models,
    stats: model_stats,
    stages: model_stats.flatMap(({ name: model, stages = [] }) =>
      stages.map(({ name: stage, success, fail, rows_in, rows_out, empty = [] }) => ({
        model,
        stage,
        count: success.count,
        failures: fail.count,
        seconds: success.ns / 1e9,
        rowsIn: rows_in,
        rowsOut: rows_out,
        empty,
      })),
    ),
    newest: state?.newest ?? 0,
    unseen: state?.unseen ?? 0,
  };
}

async function json(server: ShownServer, method: string, path: string, body?: string): Promise<unknown> {
  const { status, text } = await ask(server, method, path, body);
  if (status === 200) return JSON.parse(text);
  throw new Error(`${path} answers ${status}: ${text}`);
}
