/**
 * Keepalive of gRPC connections: the server's pings, limits on the client's, and a maximum age, under the names and defaults of gRPC's channel arguments. All
 * times are in milliseconds.
 */
import type { Http2Connection } from "../http2/connection.js";

export interface KeepaliveOptions {
  /** Time between two pings of the server. */
  readonly keepaliveTime: number;
  /** Time-out of the server's pings. */
  readonly keepaliveTimeout: number;
  readonly permitWithoutCalls: boolean;
  /** Shortest time between two pings of the client while no call is open; an earlier one is a strike. */
  readonly minPingInterval: number;
  /** Strikes that are forgiven; 0 for any number. */
  readonly maxPingStrikes: number;
  /** Age at which a connection gets GOAWAY; 0 for never. */
  readonly maxAge: number;
  /** Time limit of calls of such a connection; 0 for none. */
  readonly maxAgeGrace: number;
}

export const DEFAULT_KEEPALIVE: KeepaliveOptions = {
  keepaliveTime: 7_200_000,
  keepaliveTimeout: 20_000,
  permitWithoutCalls: false,
  minPingInterval: 300_000,
  maxPingStrikes: 2,
  maxAge: 0,
  maxAgeGrace: 0,
};

/** gRPC spreads ages by a tenth, so that connections of one moment don't all reconnect in one moment. */
const AGE_JITTER = 0.1;
/** setTimeout's greatest delay. */
const LONGEST = 2 ** 31 - 1;

export function applyKeepalive(connection: Http2Connection, keepalive: KeepaliveOptions): void {
  const timers = new Set<NodeJS.Timeout>();
  const after = (milliseconds: number, act: () => void): NodeJS.Timeout => {
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        act();
      },
      Math.min(milliseconds, LONGEST),
    );
    timers.add(timer.unref());
    return timer;
  };
  connection.watch({
    closed() {
      for (const timer of timers) clearTimeout(timer);
    },
  });

  const ping = (): void => {
    after(keepalive.keepaliveTime, () => {
      if (connection.destroyed) return;
      if (connection.openStreams === 0 && !keepalive.permitWithoutCalls) return ping();
      const late = after(keepalive.keepaliveTimeout, () => connection.destroy());
      connection.ping(() => {
        clearTimeout(late);
        timers.delete(late);
        if (!connection.destroyed) ping();
      });
    });
  };
  if (keepalive.keepaliveTime > 0) ping();
  if (keepalive.maxPingStrikes > 0) countPings(connection, keepalive);
  if (keepalive.maxAge > 0)
    after(keepalive.maxAge * (1 + AGE_JITTER * (2 * Math.random() - 1)), () => {
      // Refuses new calls; open ones may end.
      connection.drain();
      if (keepalive.maxAgeGrace > 0) after(keepalive.maxAgeGrace, () => connection.destroy());
    });
}

/** gRPC's protection against clients that ping too often: GOAWAY with `too_many_pings`. */
function countPings(connection: Http2Connection, keepalive: KeepaliveOptions): void {
  let last = Number.NEGATIVE_INFINITY;
  let strikes = 0;
  connection.watch({
    pinged() {
      const now = performance.now();
      const early = connection.openStreams === 0 && now - last < keepalive.minPingInterval;
      last = now;
      if (early && ++strikes > keepalive.maxPingStrikes) connection.goAway("ENHANCE_YOUR_CALM", "too_many_pings");
    },
    streamOpened() {
      strikes = 0;
    },
  });
}
