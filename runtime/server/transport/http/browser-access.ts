/**
 * Which web pages may call the server. A browser sends requests of any page to any address it reaches. Requests of pages from other origins
 * are therefore refused unless an option lists their origin. Clients other than browsers send neither Origin nor Sec-Fetch-Site and are not
 * concerned.
 */
import { isIP } from "node:net";

/** The headers that identify a browser's request. */
export interface BrowserHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly "sec-fetch-site"?: string | undefined;
  readonly "access-control-request-method"?: string | undefined;
  readonly "access-control-request-headers"?: string | undefined;
  readonly "access-control-request-private-network"?: string | undefined;
}

export interface BrowserAccess {
  /** @returns why a request is refused, and the option that allows it; undefined for a request that may pass */
  refuse(headers: BrowserHeaders): string | undefined;
  /** @returns the headers that let an allowed page of another origin read the answer; undefined for other requests */
  share(headers: BrowserHeaders): Readonly<Record<string, string>> | undefined;
}

const FLAG = "--http-allowed-origin";
/** Seconds that a browser may keep the answer to a preflight. */
const PREFLIGHT_AGE = "600";
/** Names of headers; longer lists are not answered. */
const HEADER_NAMES = /^[-!#$%&'*+.^_`|~0-9A-Za-z, ]{1,1024}$/;
/** Maximum length of a header in an error. */
const MOST_SHOWN = 200;

export const isLoopback = (address: string): boolean => /^(127\.|::1$|localhost$)/.test(address);

/**
 * @param address where the server listens: on the loopback address it also refuses host names of other sites that may resolve to it (DNS rebinding)
 * @param allowed origins, `null` (pages without an origin) or `*`
 */
export function browserAccess(address: string, allowed: readonly string[]): BrowserAccess {
  const takesAll = allowed.includes("*");
  const origins = new Set(allowed.map(origin => origin.toLowerCase()));
  const hosts = new Set([...origins].map(origin => origin.replace(/^[a-z]+:\/\//, "")));
  const checksHost = isLoopback(address) && !takesAll;
  const isAllowed = (origin: string): boolean => takesAll || origins.has(origin.toLowerCase());
  /** The last host that passed: clients repeat theirs. */
  let known: string | undefined;
  return {
    refuse(headers) {
      const { host, origin } = headers;
      if (checksHost && host !== known && host !== undefined) {
        if (!isOwnName(nameOf(host), address) && !hosts.has(host.toLowerCase()))
          return `host '${shown(host)}' is refused: the server listens on ${address} only; ${FLAG} http://${shown(host)} allows it`;
        known = host;
      }
      if (origin === undefined && headers["sec-fetch-site"] === undefined) return undefined;
      if (takesAll || (origin !== undefined && isAllowed(origin)) || !isForeignPage(headers)) return undefined;
      return origin === undefined
        ? `requests of web pages from other sites are refused; ${FLAG} lists the origins of pages that may call the server`
        : `requests of web pages from '${shown(origin)}' are refused; ${FLAG} ${shown(origin)} allows them`;
    },
    share(headers) {
      const { origin } = headers;
      if (origin === undefined || !isAllowed(origin)) return undefined;
      const wanted = headers["access-control-request-headers"];
      return {
        "Access-Control-Allow-Origin": takesAll ? "*" : origin,
        "Access-Control-Expose-Headers": "Inference-Header-Content-Length, Retry-After",
        Vary: "Origin",
        ...(headers["access-control-request-method"] !== undefined && {
          "Access-Control-Allow-Methods": "GET, POST",
          ...(wanted !== undefined && HEADER_NAMES.test(wanted) && { "Access-Control-Allow-Headers": wanted }),
          // A page from the Internet that calls a server of a private network.
          ...(headers["access-control-request-private-network"] === "true" && {
            "Access-Control-Allow-Private-Network": "true",
          }),
          "Access-Control-Max-Age": PREFLIGHT_AGE,
        }),
      };
    },
  };
}

/**
 * Whether a browser sent a request for a page of another origin than its target. If the browser says `same-origin` itself, a proxy may have
 * changed the host.
 */
export function isForeignPage({ host = "", origin, "sec-fetch-site": site }: BrowserHeaders): boolean {
  if (site === "same-origin") return false;
  if (site === "cross-site" || site === "same-site") return true;
  if (origin === undefined) return false;
  const own = host.toLowerCase();
  const given = origin.toLowerCase();
  return given !== `http://${own}` && given !== `https://${own}`;
}

/** Without port and brackets. */
const nameOf = (host: string): string =>
  host
    .replace(/:\d*$/, "")
    .replace(/^\[(.*)\]$/, "$1")
    .toLowerCase();

/**
 * Names that cannot lead elsewhere: addresses, names without a dot and under `localhost` and `internal`. These cannot be registered, so no
 * other site's page is loaded from them.
 */
const isOwnName = (name: string, address: string): boolean =>
  isIP(name) > 0 || !name.includes(".") || /\.(?:localhost|internal)$/.test(name) || name === address;

const shown = (text: string): string => (text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);

/** `https://shop.example,http://localhost:3000`, `null` or `*` → the origins. @throws Error */
export function readOrigins(text: string): string[] {
  const origins = text.split(",").map(origin => origin.trim());
  for (const origin of origins)
    if (origin !== "*" && origin !== "null" && originOf(origin) !== origin.toLowerCase())
      throw new Error(
        `${FLAG} takes origins such as https://shop.example or http://localhost:3000, separated by commas, or * for all. Got ${text}`,
      );
  return origins;
}

function originOf(text: string): string | undefined {
  try {
    const { protocol, host } = new URL(text);
    return `${protocol}//${host}`;
  } catch {
    return undefined;
  }
}
