/**
 * The ports of a server: gRPC, HTTP, those of clouds, metrics, opened in this order, and closed together. Those that need no model can open
 * before the models are loaded; all are announced when the server is ready for requests.
 */
import type { ServerLog } from "../observe/server-log.js";
import type { Certificates } from "../transport/grpc/certificates.js";
import type { Listener } from "../transport/listen.js";
import { countDown } from "./count-down.js";
import { describeExposure, type Exposed } from "./exposure.js";
import { announceStarted, exposedName, type PortService, reportWaiting, startService } from "./port-service.js";
import { type Parts, portServices } from "./port-services.js";
import type { OpenOptions, RunningServer } from "./server-options.js";
import type { Adopt } from "./worker-side.js";

export interface Ports {
  /** Those that are open now. */
  readonly opened: RunningServer["ports"];
  /** Those of the port with TLS. */
  readonly certificates: Certificates | undefined;
  /** Opens gRPC, HTTP and metrics. @throws ListenError, and nothing is open then */
  openEarly(): Promise<void>;
  /** Opens those that are not open yet, and announces all. @throws ListenError, and nothing is open then */
  open(): Promise<void>;
  /** Keeps serving, and drains connections. */
  leave(): void;
  /** Listens no more, serves what clients have written, and cuts what is left after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

interface OpenService {
  readonly service: PortService;
  readonly listener: Listener;
}

/** @param adopt takes the connections in place of sockets that listen; then nothing is announced */
export function createPorts(options: OpenOptions, parts: Parts, adopt?: Adopt): Ports {
  return openPorts(() => portServices(options, parts, adopt), options, parts.log, adopt === undefined);
}

/** @param list the services, made when the first is opened */
export function openPorts(
  list: () => readonly PortService[],
  options: OpenOptions,
  log: ServerLog,
  announces = true,
): Ports {
  const open: OpenService[] = [];
  const stop = async (patience: number): Promise<void> => {
    const closing = open.splice(0);
    const ended = Promise.all(closing.map(({ listener }) => listener.stop(patience)));
    const report = (seconds: number): void => {
      for (const { service, listener } of closing) reportWaiting(service, listener, seconds, log);
    };
    const finish = patience > 0 ? countDown(patience, report) : undefined;
    await ended.finally(finish);
  };
  let services: readonly PortService[] | undefined;
  /** @param wanted which services open, or are open already @param each is called with each as soon as it is open */
  const start = async (wanted: (one: PortService) => boolean, each: (one: OpenService) => void): Promise<void> => {
    const before = [...open];
    services ??= list();
    try {
      for (const service of services.filter(wanted)) {
        const one = before.find(other => other.service === service) ?? {
          service,
          listener: await startService(service, log, options.log.hints),
        };
        if (!before.includes(one)) open.push(one);
        each(one);
      }
    } catch (error) {
      await stop(0);
      throw error;
    }
    if (!announces) return;
    for (const one of open) if (!before.includes(one)) log.info("exposure", describeExposure(exposureOf(one, options)));
  };
  return {
    get opened() {
      return Object.fromEntries(open.map(({ service, listener }) => [service.port, listener.port]));
    },
    get certificates() {
      return open.find(({ listener }) => listener.certificates)?.listener.certificates;
    },
    async openEarly() {
      await start(
        ({ opensEarly }) => opensEarly,
        () => {},
      );
      if (announces)
        log.hint("main", "The ports are open; the server is live, and not ready until all models are loaded");
    },
    open: () =>
      start(
        () => true,
        ({ service, listener }) => announces && announceStarted(service, listener, log),
      ),
    leave: () => {
      for (const { listener } of open) listener.leave();
    },
    stop,
  };
}

function exposureOf({ service, listener }: OpenService, options: OpenOptions): Exposed {
  const isGrpc = service.name === "GRPC";
  const restrictions = isGrpc ? options.grpcRestrictedProtocols : options.httpRestrictedApis;
  return {
    service: exposedName(service),
    address: service.at.address,
    port: listener.port,
    tls: isGrpc && options.grpcTls ? (options.grpcTls.mutual ? "mutual TLS" : "TLS") : "none",
    restrictions: service.name === "Metrics" ? undefined : restrictions,
    origins: isGrpc ? undefined : options.httpAllowedOrigins,
  };
}
