/**
 * The three ports of a server: gRPC, HTTP, metrics, opened in this order, and closed together.
 */

import type { LogSettings } from "./log-settings.js";
import { createMetrics } from "./metrics.js";
import type { Registry } from "./repository/registry.js";
import type { ServerCalls } from "./server-calls.js";
import type { ServerLog } from "./server-log.js";
import type { OpenOptions, RunningServer } from "./server-options.js";
import { serveGrpc } from "./transport/grpc/server.js";
import { headerPattern } from "./transport/header-forwarding.js";
import { serveHttp, serveMetrics } from "./transport/http/server.js";
import { type ListenAt, ListenError, type Listener } from "./transport/listen.js";
import { createRestriction } from "./transport/restriction.js";

interface Parts {
  readonly calls: ServerCalls;
  readonly registry: Registry;
  readonly log: ServerLog;
  readonly logSettings: LogSettings;
}

export interface OpenPorts {
  readonly ports: RunningServer["ports"];
  /** Takes no new requests, lets those in flight end, and cuts what is left after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

/** @throws ListenError, and nothing is open then */
export async function openPorts(options: OpenOptions, parts: Parts): Promise<OpenPorts> {
  const { registry, log, ...common } = parts;
  const listeners: Listener[] = [];
  const stop = async (patience: number): Promise<void> => {
    await Promise.all(listeners.map(listener => listener.stop(patience)));
  };
  const metrics = createMetrics({
    cpu: options.allowCpuMetrics,
    config: options.metricsConfig,
    intervalMs: options.metricsIntervalMs,
    pinnedBytes: options.shown.pinnedMemoryPoolByteSize,
  });
  const stallTime = options.stallTimeoutSeconds * 1000;
  const restrictions = {
    grpc: createRestriction(options.grpcRestrictedProtocols, "triton-grpc-protocol-"),
    http: createRestriction(options.httpRestrictedApis),
  };
  const open = async (
    service: "GRPC" | "HTTP" | "Metrics",
    { address, port }: ListenAt,
    starting: Promise<Listener>,
  ): Promise<number> => {
    const started =
      service === "GRPC" ? "GRPCInferenceService" : service === "HTTP" ? "HTTPService" : "Metrics Service";
    const announce = (number: number): void =>
      log.info(service === "GRPC" ? "grpc_server" : "http_server", `Started ${started} at ${address}:${number}`);
    try {
      const listener = await starting;
      listeners.push(listener);
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
      log.error("main", `failed to start ${service} service: Unavailable - ${told}`);
      throw error instanceof ListenError ? error : new ListenError(message, "", false, { cause: error });
    }
  };
  const ports: { grpc?: number; http?: number; metrics?: number } = {};
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
            headerForwardPattern: headerPattern(options.grpcHeaderForwardPattern, text =>
              log.error("header_forwarding", text),
            ),
            tls: options.grpcTls,
            care: options.grpcConnections,
            stallTime,
            compression: options.grpcCompression,
          },
        ),
      );
    if (options.http)
      ports.http = await open(
        "HTTP",
        options.http,
        serveHttp(
          { ...options.http, reuse: options.reuseHttpPort, stallTime },
          {
            ...common,
            maxInputSize: options.httpMaxInputSize,
            restriction: restrictions.http,
            headerForwardPattern: headerPattern(options.httpHeaderForwardPattern, text =>
              log.error("header_forwarding", text),
            ),
          },
          log,
        ),
      );
    if (options.metrics)
      ports.metrics = await open(
        "Metrics",
        options.metrics,
        serveMetrics({ ...options.metrics, stallTime }, () => metrics.print(registry.ready(), registry.failed()), log),
      );
    return { ports, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}
