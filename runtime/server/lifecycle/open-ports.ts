/**
 * The ports of a server: gRPC, HTTP, those of clouds, metrics, opened in this order, and closed together.
 */
import type { Listener } from "../transport/listen.js";
import { countDown } from "./count-down.js";
import { describeExposure, type Exposed } from "./exposure.js";
import { announceStarted, exposedName, type PortService, reportWaiting, startService } from "./port-service.js";
import { type Parts, portServices } from "./port-services.js";
import type { OpenOptions, RunningServer } from "./server-options.js";

export interface OpenPorts {
  readonly ports: RunningServer["ports"];
  /** Serves on, and asks clients to go elsewhere. */
  leave(): void;
  /** Listens no more, serves what clients have written, and cuts what is left after `patience` milliseconds. */
  stop(patience: number): Promise<void>;
}

interface OpenService {
  readonly service: PortService;
  readonly listener: Listener;
}

/** @throws ListenError, and nothing is open then */
export async function openPorts(options: OpenOptions, parts: Parts): Promise<OpenPorts> {
  const { log } = parts;
  const open: OpenService[] = [];
  const stop = async (patience: number): Promise<void> => {
    const ended = Promise.all(open.map(({ listener }) => listener.stop(patience)));
    const report = (seconds: number): void => {
      for (const { service, listener } of open) reportWaiting(service, listener, seconds, log);
    };
    const finish = patience > 0 ? countDown(patience, report) : undefined;
    await ended.finally(finish);
  };
  const services = portServices(options, parts);
  try {
    for (const service of services) {
      const listener = await startService(service, log, options.log.hints);
      open.push({ service, listener });
      announceStarted(service, listener, log);
    }
    for (const one of open) log.info("exposure", describeExposure(exposureOf(one, options)));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    ports: Object.fromEntries(open.map(({ service, listener }) => [service.port, listener.port])),
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
