/**
 * Which requests are of the page itself: a host that is this machine, and no other site as origin. Another site's name that leads here (DNS
 * rebinding) is not ours; nor is a form of another site.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { type BrowserHeaders, isForeignPage, isLoopback } from "../../runtime/server/transport/http/browser-access.js";

/** @param address where the page listens; beyond loopback its guests name the machine by number or by its own name */
export function isOwn(address: string, headers: IncomingHttpHeaders): boolean {
  const { host = "" } = headers;
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const known = isLoopback(address)
    ? ["127.0.0.1", "localhost", "::1", address].includes(name)
    : isIP(name) > 0 || ["localhost", hostname(), address].includes(name);
  // A link on another site may open the page: what it shows stays with the browser.
  const isLink = headers["sec-fetch-mode"] === "navigate" && headers.origin === undefined;
  return known && (isLink || !isForeignPage(headers as BrowserHeaders));
}
