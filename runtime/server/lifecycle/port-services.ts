/**
 * The services of a server's options, in the order in which Triton opens them.
 */
import { invalid } from "../../base/errors.js";
import type { MemoryBudget } from "../../base/memory/memory-budget.js";
import { residentBytes } from "../../base/memory/resident.js";
import type { ExposureLog } from "../exposures/exposure-log.js";
import type { Registry } from "../models/registry-types.js";
import type { FailureCounts } from "../observe/failure-counts.js";
import type { LogSettings } from "../observe/log-settings.js";
import { createMetrics, type Metrics } from "../observe/metrics.js";
import type { ServerLog } from "../observe/server-log.js";
import type { ServerCalls } from "../requests/server-calls.js";
import { reportFull } from "../transport/connection-cap.js";
import { serveGrpc } from "../transport/grpc/server.js";
import { headerPattern } from "../transport/header-forwarding.js";
import type { RouteContext } from "../transport/http/route.js";
import { sageMaker } from "../transport/http/sagemaker.js";
import { type HttpPort, serveFrontEnd, serveHttp, serveMetrics } from "../transport/http/server.js";
import { vertexAi } from "../transport/http/vertex-ai.js";
import type { ListenAt } from "../transport/listen.js";
import { createRestriction, type Restriction } from "../transport/restriction.js";
import type { Pattern } from "../transport/user-pattern.js";
import type { PortService } from "./port-service.js";
import type { OpenOptions } from "./server-options.js";
import type { Adopt } from "./worker-side.js";

export interface Parts {
  /** Memory of requests on all ports is charged to it. */
  readonly budget: MemoryBudget;
  readonly calls: ServerCalls;
  readonly registry: Registry;
  readonly log: ServerLog;
  readonly logSettings: LogSettings;
  /** The metrics at this moment. */
  readonly printMetrics: () => string | Promise<string>;
}

/** The shared part of one server's services. */
interface Shared {
  readonly options: OpenOptions;
  readonly parts: Parts;
  readonly http: Omit<HttpPort, "address" | "port"> & Required<Pick<HttpPort, "onFull">>;
  /** The context of HTTP routes. */
  readonly frontEnd: RouteContext;
  readonly grpcRestriction: Restriction;
  readonly adopt: Adopt | undefined;
}

interface MeasuredParts {
  readonly budget: MemoryBudget;
  readonly failures: FailureCounts;
  readonly exposures: ExposureLog | undefined;
}

/** The metrics of one process. */
export const createServerMetrics = (
  options: OpenOptions,
  { budget, failures, exposures }: MeasuredParts,
  certificateDays: () => number | undefined,
): Metrics =>
  createMetrics({
    certificateDays,
    exposures: exposures && (() => exposures.counts),
    cpu: options.allowCpuMetrics,
    config: options.metricsConfig,
    failures,
    intervalMs: options.metricsIntervalMs,
    memory: () => ({ resident: residentBytes(), charged: budget.charged, limit: budget.limit }),
  });

/** The parts that HTTP and gRPC need. */
const ofTransports = ({ budget, calls, log, logSettings }: Parts) => ({ budget, calls, log, logSettings });

/** @throws RuntimeFault for a restriction that does not parse */
export function portServices(options: OpenOptions, parts: Parts, adopt?: Adopt): readonly PortService[] {
  const { budget, log } = parts;
  const shared: Shared = {
    options,
    parts,
    http: {
      stallTime: options.stallTimeoutSeconds * 1000,
      allowedOrigins: options.httpAllowedOrigins,
      budget,
      onFull: reportFull(log),
    },
    grpcRestriction: createRestriction(options.grpcRestrictedProtocols, "triton-grpc-protocol-"),
    frontEnd: {
      ...ofTransports(parts),
      maxInputSize: options.httpMaxInputSize,
      restriction: createRestriction(options.httpRestrictedApis),
      headerForwardPattern: undefined,
    },
    adopt,
  };
  return [
    grpcService(shared),
    httpService(shared),
    sageMakerService(shared),
    vertexAiService(shared),
    // With several workers it is the control process's.
    ...(adopt ? [] : [metricsService(shared)]),
  ].filter(service => service !== undefined);
}

/** The source of connections of a port of a worker. */
const sourceOf = (adopt: Adopt | undefined, port: PortService["port"]): Pick<ListenAt, "adopt"> =>
  adopt ? { adopt: adopting => adopt(port, adopting) } : {};

function grpcService({ options, parts, http, grpcRestriction, adopt }: Shared): PortService | undefined {
  const at = options.grpc;
  const { log } = parts;
  return (
    at && {
      name: "GRPC",
      port: "grpc",
      at,
      opensEarly: true,
      start: async () =>
        serveGrpc(
          { ...at, reuse: options.reuseGrpcPort, onFull: http.onFull, ...sourceOf(adopt, "grpc") },
          {
            ...ofTransports(parts),
            restriction: grpcRestriction,
            headerForwardPattern: await forwarded(options.grpcHeaderForwardPattern, log),
            tls: options.grpcTls,
            keepalive: options.grpcConnections,
            stallTime: http.stallTime,
            compression: options.grpcCompression,
          },
        ),
    }
  );
}

function httpService({ options, parts, http, frontEnd, adopt }: Shared): PortService | undefined {
  const at = options.http;
  const { log } = parts;
  return (
    at && {
      name: "HTTP",
      port: "http",
      at,
      opensEarly: true,
      start: async () => {
        const headerForwardPattern = await forwarded(options.httpHeaderForwardPattern, log);
        const from = { ...at, ...http, reuse: options.reuseHttpPort, ...sourceOf(adopt, "http") };
        return serveHttp(from, { ...frontEnd, headerForwardPattern }, log);
      },
    }
  );
}

function sageMakerService({ options, parts, http, frontEnd, adopt }: Shared): PortService | undefined {
  const at = options.sageMaker;
  const { log } = parts;
  return (
    at && {
      name: "Sagemaker",
      port: "sageMaker",
      at,
      opensEarly: false,
      start: async () =>
        serveFrontEnd({ ...at, ...http, ...sourceOf(adopt, "sageMaker") }, sageMaker(at, frontEnd, log), log),
    }
  );
}

function vertexAiService({ options, parts, http, frontEnd, adopt }: Shared): PortService | undefined {
  const at = options.vertexAi;
  const { log, registry, printMetrics } = parts;
  return (
    at && {
      name: "Vertex AI",
      port: "vertexAi",
      at,
      opensEarly: false,
      start: async () => {
        const missing = at.predictRoute ? at.healthRoute || "AIP_HEALTH_ROUTE" : "API_PREDICT_ROUTE";
        if (missing !== at.healthRoute) throw invalid(`${missing} is not defined for Vertex AI endpoint`);
        const shown = options.metrics
          ? reachesAs(options.metrics.address, at.address)
            ? printMetrics
            : "elsewhere"
          : "off";
        const respond = await vertexAi({ ...at, model: defaultModel(at.model, registry) }, frontEnd, shown, log);
        return serveFrontEnd({ ...at, ...http, ...sourceOf(adopt, "vertexAi") }, respond, log);
      },
    }
  );
}

/** Every client of another port at `address` reaches one at `own`, too. */
const reachesAs = (own: string, address: string): boolean => own === address || own === "0.0.0.0" || own === "::";

function metricsService({ options, parts, http }: Shared): PortService | undefined {
  const at = options.metrics;
  return (
    at && {
      name: "Metrics",
      port: "metrics",
      at,
      opensEarly: true,
      start: async () => serveMetrics({ ...at, ...http }, parts.printMetrics, parts.log),
    }
  );
}

const forwarded = (pattern: string, log: ServerLog): Promise<Pattern | undefined> =>
  headerPattern(pattern, text => log.error("header_forwarding", text));

/** @throws RuntimeFault with Triton's text if the model of predictions is ambiguous */
function defaultModel(name: string, registry: Registry): string {
  const ready = registry.ready();
  if (name !== "") {
    if (ready.some(({ model }) => model === name)) return name;
    throw invalid(`Expect the default model '${name}' is loaded`);
  }
  const [only] = ready;
  if (ready.length === 1) return only!.model;
  throw invalid("Expect the model repository contains only a single model if default model is not specified");
}
