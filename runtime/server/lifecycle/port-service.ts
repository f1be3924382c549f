/**
 * A service with a port of its own: what the log calls it, and how it starts.
 */
import { RuntimeFault, STATUS } from "../../base/errors.js";
import type { ServerLog } from "../observe/server-log.js";
import { type ListenAt, ListenError, type Listener } from "../transport/listen.js";
import type { RunningServer } from "./server-options.js";

/**
 * For each service: the source of its log line, its announcement, its exposure, and its pending work at shutdown. Metrics connections are
 * closed at once.
 */
const SERVICES = {
  GRPC: {
    source: "grpc_server",
    started: "GRPCInferenceService",
    exposed: "gRPC",
    waitedFor: "gRPC service connections and inference handlers",
  },
  HTTP: { source: "http_server", started: "HTTPService", exposed: "HTTP", waitedFor: "HTTP service connections" },
  Sagemaker: { source: "sagemaker_server", started: "Sagemaker HTTPService", exposed: "SageMaker" },
  "Vertex AI": { source: "vertex_ai_server", started: "Vertex AI HTTPService", exposed: "Vertex AI" },
  Metrics: { source: "http_server", started: "Metrics Service", exposed: "metrics" },
} as const satisfies Record<string, ServiceWords>;

interface ServiceWords {
  readonly source: string;
  readonly started: string;
  readonly exposed: string;
  readonly waitedFor?: string;
}

export interface PortService {
  readonly name: keyof typeof SERVICES;
  readonly port: Exclude<keyof RunningServer["ports"], "faultAdmin">;
  readonly at: ListenAt;
  /** Whether it can open before the models are loaded. */
  readonly opensEarly: boolean;
  /** Opens the port. */
  start(): Promise<Listener>;
}

export const exposedName = ({ name }: PortService): string => SERVICES[name].exposed;

/** @throws ListenError, which is in the log then */
export async function startService(service: PortService, log: ServerLog, hints: boolean): Promise<Listener> {
  const { name, at } = service;
  try {
    return await service.start();
  } catch (error) {
    const { message } = error as Error;
    const taken = error instanceof ListenError && error.taken;
    // Triton announces all but gRPC before it opens the port.
    if (taken && name !== "GRPC") announce(service, at.port, log);
    // For any error of gRPC's port, Triton reports that it is taken.
    const told = name === "GRPC" && !hints ? `Socket '${at.address}:${at.port}' already in use ` : message;
    const kind = error instanceof RuntimeFault && name === "Vertex AI" ? STATUS[error.code].label : "Unavailable";
    log.error("main", `failed to start ${name} service: ${kind} - ${told}`);
    throw error instanceof ListenError
      ? new ListenError(message, `${exposedName(service)}: ${error.hint}`, error.taken, { cause: error })
      : new ListenError(message, "", false, { cause: error });
  }
}

/** Logs that a service has started. */
export function announceStarted(service: PortService, listener: Listener, log: ServerLog): void {
  const { port } = service.at;
  // Triton prints the given number; a free port is printed, since clients need it.
  announce(service, port === 0 ? listener.port : port, log);
  if (port !== 0 && port !== listener.port)
    log.hint("main", `${port} is outside the range of ports, 0 to 65535: port ${listener.port} is opened`);
}

/** Logs what a server that stops still waits for. @param seconds that are left */
export function reportWaiting({ name }: PortService, { connections }: Listener, seconds: number, log: ServerLog): void {
  const { source, waitedFor }: ServiceWords = SERVICES[name];
  if (waitedFor && connections > 0) log.info(source, `Timeout ${seconds}: Found ${connections} ${waitedFor}`);
}

function announce({ name, at }: PortService, port: number, log: ServerLog): void {
  const { source, started } = SERVICES[name];
  log.info(source, `Started ${started} at ${at.address}:${port}`);
}
