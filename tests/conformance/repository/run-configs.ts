/**
 * One recorded configuration → a fresh server over a repository with that model alone, the load call of each protocol, and what differs.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveOptions } from "#cli/tritonserver/serve-options.js";
import { serve } from "#runtime/server/index.js";
import { grpcCall, httpCall } from "./calls.js";
import { differences, logDifferences } from "./compare.js";
import { placeFiles } from "./place-files.js";
import type { ConfigRecord } from "./records.js";
import type { Outcome } from "./report.js";
import { twinFiles } from "./twins.js";

export async function runConfig(record: ConfigRecord): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), "merlon-config-"));
  const root = join(folder, "repo");
  try {
    mkdirSync(root);
    placeFiles(root, record.rootfiles ?? {});
    const bare = record.rootfiles || record.model === "nothing_here";
    if (Object.keys(record.files).length > 0 || !bare) mkdirSync(join(root, record.model), { recursive: true });
    placeFiles(join(root, record.model), record.files);
    placeFiles(join(root, record.model), twinFiles(record.id));
    for (const other of record.other_models) placeFiles(join(root, other.model), other.files);
    const http = await load(record, root, "http");
    const grpc = await load(record, root, "grpc");
    return {
      id: record.id,
      note: record.note,
      group: `configs ${record.id.replace(/-\d+$/, "")}`,
      answers: [...http.answers, ...grpc.answers],
      log: http.log,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function load(record: ConfigRecord, root: string, protocol: "http" | "grpc") {
  const lines: string[] = [];
  const mask = (text: string): string =>
    text.replaceAll(root, "<repository>").replaceAll("/opt/tritonserver/backends", "<backends>");
  const server = await serve({
    ...serveOptions([
      `--model-repository=${root}`,
      "--model-control-mode=explicit",
      "--http-address=127.0.0.1",
      "--http-port=0",
      "--grpc-address=127.0.0.1",
      "--grpc-port=0",
      "--allow-metrics=false",
      "--mock-stand-ins",
      // The recorded server was built without tracing.
      "--allow-trace=false",
      ...record.flags,
    ]),
    writeLog: (text, stream) => {
      if (stream === "stderr") lines.push(mask(text));
    },
  });
  try {
    const name = record.load ?? record.model;
    const { expect } = record;
    const quoted = encodeURIComponent(name);
    const port = server.ports.http!;
    if (protocol === "grpc") {
      const got = await grpcCall(server.ports.grpc!, "RepositoryModelLoad", { model_name: name }, mask);
      return { answers: differences(expect.grpc_load, got, "grpc_load"), log: [] };
    }
    const answer = await httpCall(port, "POST", `/v2/repository/models/${quoted}/load`, undefined, mask);
    const log = logDifferences(expect.log, lines, expect.log_order === "free");
    const names = new Set([record.model, ...record.other_models.map(({ model }) => model)]);
    const all = (await httpCall(port, "POST", "/v2/repository/index", {}, mask)).body as {
      name: string;
      state?: string;
    }[];
    const index = all.filter(entry => names.has(entry.name));
    const ready = index.some(entry => entry.name === record.model && entry.state === "READY");
    const got = {
      http_load: answer,
      state: ready ? "READY" : "failed",
      index,
      ...(ready && {
        config: (await httpCall(port, "GET", `/v2/models/${quoted}/config`, undefined, mask)).body,
        metadata: (await httpCall(port, "GET", `/v2/models/${quoted}`, undefined, mask)).body,
      }),
    };
    const { http_load, state, index: wanted, config, metadata } = expect;
    const expected = { http_load, state, index: wanted, ...(ready && state === "READY" && { config, metadata }) };
    return { answers: differences(expected, got, ""), log };
  } finally {
    await server.stop();
  }
}
