/**
 * The three ports of a server: gRPC, HTTP, metrics, opened in this order, and closed together.
 */

import { RuntimeFault, STATUS } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import type { Registry } from "../models/registry-types.js";
import type { FailureCounts } from "../observe/failure-counts.js";
import type { LogSettings } from "../observe/log-settings.js";
import { createMetrics } from "../observe/metrics.js";
import type { ServerLog } from "../observe/server-log.js";
import type { ServerCalls } from "../requests/server-calls.js";
import { serveGrpc } from "../transport/grpc/server.js";
import { headerPattern } from "../transport/header-forwarding.js";
import type { RouteContext } from "../transport/http/route.js";
import { sageMaker } from "../transport/http/sagemaker.js";
import { serveFrontEnd, serveHttp, serveMetrics } from "../transport/http/server.js";
import { vertexAi } from "../transport/http/vertex-ai.js";
import { type ListenAt, ListenError, type Listener } from "../transport/listen.js";
import { createRestriction } from "../transport/restriction.js";
import { countDown } from "./count-down.js";
import { describeExposure, type Exposed } from "./exposure.js";
import type { OpenOptions, RunningServer } from "./server-options.js";

interface Parts {
  /** What requests of all ports hold is charged to it. */
  readonly budget: MemoryBudget;
  readonly calls: ServerCalls;
  readonly registry: Registry;
  readonly log: ServerLog;
  readonly logSettings: LogSettings;
  readonly failures: FailureCounts;
}

export interface OpenPorts {
  readonly ports: RunningServer["ports"];
  /** Serves on, and asks clients to go elsewhere. */
  leave(): void;
  /** Listens no more, serves what clients have written, and cuts what is left after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/** What the log calls each service, and whose line that is. */
const SERVICES = {
  GRPC: ["grpc_server", "GRPCInferenceService"],
  HTTP: ["http_server", "HTTPService"],
  Sagemaker: ["sagemaker_server", "Sagemaker HTTPService"],
  "Vertex AI": ["vertex_ai_server", "Vertex AI HTTPService"],
  Metrics: ["http_server", "Metrics Service"],
} as const;

/** What a server that stops waits for, by service; that of metrics is cut. */
const WAITED_FOR: Readonly<Partial<Record<keyof typeof SERVICES, string>>> = {
  GRPC: "gRPC service connections and inference handlers",
  HTTP: "HTTP service connections",
};

/** @throws ListenError, and nothing is open then */
export async function openPorts(options: OpenOptions, parts: Parts): Promise<OpenPorts> {
  const { registry, log, ...common } = parts;
  const listeners: Listener[] = [];
  /** Called with the seconds that are left, while connections end. */
  const reports: ((seconds: number) => void)[] = [];
  const stop = async (patience: number): Promise<void> => {
    const ended = Promise.all(listeners.map(listener => listener.stop(patience)));
    const report = (seconds: number): void => {
      for (const one of reports) one(seconds);
    };
    const finish = patience > 0 ? countDown(patience, report) : undefined;
    await ended.finally(finish);
  };
  const metrics = createMetrics({
    cpu: options.allowCpuMetrics,
    config: options.metricsConfig,
    failures: parts.failures,
    intervalMs: options.metricsIntervalMs,
    memory: () => ({
      resident: process.memoryUsage.rss(),
      charged: parts.budget.charged,
      limit: parts.budget.limit,
    }),
    pinnedBytes: options.shown.pinnedMemoryPoolByteSize,
  });
  const stallTime = options.stallTimeoutSeconds * 1000;
  const http = { stallTime, allowedOrigins: options.httpAllowedOrigins, budget: parts.budget };
  const restrictions = {
    grpc: createRestriction(options.grpcRestrictedProtocols, "triton-grpc-protocol-"),
    http: createRestriction(options.httpRestrictedApis),
  };
  const open = async (
    service: keyof typeof SERVICES,
    { address, port }: ListenAt,
    starting: Promise<Listener>,
  ): Promise<number> => {
    const [source, started] = SERVICES[service];
    const announce = (number: number): void => log.info(source, `Started ${started} at ${address}:${number}`);
    try {
      const listener = await starting;
      listeners.push(listener);
      const waited = WAITED_FOR[service];
      if (waited)
        reports.push(seconds => {
          const { connections } = listener;
          if (connections > 0) log.info(source, `Timeout ${seconds}: Found ${connections} ${waited}`);
        });
      // Triton prints the number it was given; a free port is named, since nobody could connect otherwise.
      announce(port === 0 ? listener.port : port);
      if (port !== 0 && port !== listener.port)
        log.hint("main", `${port} is outside the range of ports, 0 to 65535: port ${listener.port} is opened`);
      return listener.port;
    } catch (error) {
      const { message } = error as Error;
      const taken = error instanceof ListenError && error.taken;
      // Triton announces these two before it asks for the port.
      if (taken && service !== "GRPC") announce(port);
      // Whatever is in the way of gRPC, Triton calls the port taken.
      const told = service === "GRPC" && !options.log.hints ? `Socket '${address}:${port}' already in use ` : message;
      const kind = error instanceof RuntimeFault && service === "Vertex AI" ? STATUS[error.code].label : "Unavailable";
      log.error("main", `failed to start ${service} service: ${kind} - ${told}`);
      throw error instanceof ListenError ? error : new ListenError(message, "", false, { cause: error });
    }
  };
  const exposed: Exposed[] = [];
  const expose = (service: string, { address }: ListenAt, port: number): void => {
    const isGrpc = service === "gRPC";
    const restrictions = isGrpc ? options.grpcRestrictedProtocols : options.httpRestrictedApis;
    exposed.push({
      service,
      address,
      port,
      tls: isGrpc && options.grpcTls ? (options.grpcTls.mutual ? "mutual TLS" : "TLS") : "none",
      restrictions: service === "metrics" ? undefined : restrictions,
      origins: isGrpc ? undefined : options.httpAllowedOrigins,
    });
  };
  const ports: { grpc?: number; http?: number; sageMaker?: number; vertexAi?: number; metrics?: number } = {};
  const printMetrics = (): string => metrics.print(registry.ready(), registry.failed());
  const frontEnd: RouteContext = {
    ...common,
    maxInputSize: options.httpMaxInputSize,
    restriction: restrictions.http,
    headerForwardPattern: undefined,
  };
  try {
    if (options.grpc)
      ports.grpc = await open(
        "GRPC",
        options.grpc,
        serveGrpc(
          { ...options.grpc, reuse: options.reuseGrpcPort },
          {
            ...common,
            log,
            restriction: restrictions.grpc,
            headerForwardPattern: await headerPattern(options.grpcHeaderForwardPattern, text =>
              log.error("header_forwarding", text),
            ),
            tls: options.grpcTls,
            care: options.grpcConnections,
            stallTime,
            compression: options.grpcCompression,
          },
        ),
      );
    if (options.grpc) expose("gRPC", options.grpc, ports.grpc!);
    if (options.http)
      ports.http = await open(
        "HTTP",
        options.http,
        serveHttp(
          { ...options.http, ...http, reuse: options.reuseHttpPort },
          {
            ...frontEnd,
            headerForwardPattern: await headerPattern(options.httpHeaderForwardPattern, text =>
              log.error("header_forwarding", text),
            ),
          },
          log,
        ),
      );
    if (options.http) expose("HTTP", options.http, ports.http!);
    if (options.sageMaker) {
      const respond = sageMaker(options.sageMaker, frontEnd, log);
      const at = { ...options.sageMaker, ...http };
      ports.sageMaker = await open("Sagemaker", options.sageMaker, serveFrontEnd(at, respond, log));
      expose("SageMaker", options.sageMaker, ports.sageMaker);
    }
    if (options.vertexAi) {
      const given = options.vertexAi;
      const start = async (): Promise<Listener> => {
        const missing = given.predictRoute ? given.healthRoute || "AIP_HEALTH_ROUTE" : "API_PREDICT_ROUTE";
        if (missing !== given.healthRoute)
          throw new RuntimeFault("INVALID_ARGUMENT", `${missing} is not defined for Vertex AI endpoint`);
        const model = defaultModel(given.model, registry);
        const respond = await vertexAi({ ...given, model }, frontEnd, printMetrics, log);
        return serveFrontEnd({ ...given, ...http }, respond, log);
      };
      ports.vertexAi = await open("Vertex AI", given, start());
      expose("Vertex AI", given, ports.vertexAi);
    }
    if (options.metrics)
      ports.metrics = await open(
        "Metrics",
        options.metrics,
        serveMetrics({ ...options.metrics, ...http }, printMetrics, log),
      );
    if (options.metrics) expose("metrics", options.metrics, ports.metrics!);
    for (const port of exposed) log.info("exposure", describeExposure(port));
    const leave = (): void => {
      for (const listener of listeners) listener.leave();
    };
    return { ports, leave, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

/** @throws RuntimeFault with Triton's text where there is no telling which model predictions are for */
function defaultModel(name: string, registry: Registry): string {
  const ready = registry.ready();
  if (name !== "") {
    if (ready.some(({ model }) => model === name)) return name;
    throw new RuntimeFault("INVALID_ARGUMENT", `Expect the default model '${name}' is loaded`);
  }
  const [only] = ready;
  if (ready.length === 1) return only!.model;
  throw new RuntimeFault(
    "INVALID_ARGUMENT",
    "Expect the model repository contains only a single model if default model is not specified",
  );
}
