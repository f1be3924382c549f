/**
 * Which requests are of the page itself: a host that is this machine, and no other site as origin. Another site's name that leads here (DNS
 * rebinding) is not ours; nor is a form of another site.
 */
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";

export const isLoopback = (address: string): boolean => /^(127\.|::1$|localhost$)/.test(address);

/** @param address where the page listens; beyond loopback its guests name the machine by number or by its own name */
export function isOwn(address: string, { host = "", origin }: IncomingHttpHeaders): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const known = isLoopback(address)
    ? ["127.0.0.1", "localhost", "::1", address].includes(name)
    : isIP(name) > 0 || ["localhost", hostname(), address].includes(name);
  return known && (origin === undefined || origin === `http://${host}`);
}
