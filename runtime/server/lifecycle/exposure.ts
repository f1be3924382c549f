/**
 * One line of the log for each open port: its reach, and its restrictions.
 */
import { isLoopback } from "../transport/http/browser-access.js";

export interface Exposed {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** `none`, TLS, or TLS with certificates of clients. */
  readonly tls: "none" | "TLS" | "mutual TLS";
  /** `API[,API]:KEY=VALUE`; undefined for a port whose calls cannot be restricted. */
  readonly restrictions: readonly string[] | undefined;
  /** Origins of web pages that may call; undefined for gRPC, which no browser speaks. */
  readonly origins: readonly string[] | undefined;
}

const EVERY = /^(?:0\.0\.0\.0|::)$/;

/** @returns `Exposed: HTTP at 127.0.0.1:8000, to this machine only; no TLS; no API restricted; web pages: own origin only` */
export function describeExposure({ service, address, port, tls, restrictions, origins }: Exposed): string {
  const reach = isLoopback(address)
    ? "to this machine only"
    : EVERY.test(address)
      ? "to every host that reaches this machine"
      : `to every host that reaches ${address}`;
  // The keys are secrets; the names of APIs are not.
  const apis = restrictions?.flatMap(text => text.split(":", 1)[0]!.split(","));
  const parts = [
    `${service} at ${address.includes(":") ? `[${address}]` : address}:${port}, ${reach}`,
    tls === "none" ? "no TLS" : tls,
    ...(apis ? [apis.length > 0 ? `restricted: ${apis.join(", ")}` : "no API restricted"] : []),
    ...(origins ? [`web pages: ${origins.length > 0 ? origins.join(", ") : "own origin only"}`] : []),
  ];
  return `Exposed: ${parts.join("; ")}`;
}
