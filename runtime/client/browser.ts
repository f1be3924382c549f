/**
 * `merlon/client` in a browser: HTTP by `fetch`, and nothing that needs Node.
 */
import type { ConnectOptions } from "./call-options.js";
import { checkDrift, createClient } from "./client.js";
import { UnsupportedError } from "./client-error.js";
import type { Client } from "./client-interface.js";
import { openHttp, type Platform, parseUrl } from "./connect.js";
import type { EnsembleLike, ModelsOf } from "./ensemble-types.js";
import { fetchSender } from "./http/fetch-sender.js";
import type { ModelTypes } from "./model-types.js";

export * from "./public.js";

const platform: Platform = {
  sender: fetchSender,
  acceptsEncoding: false,
  async compress(body, encoding) {
    const packed = new Blob([body as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream(encoding));
    return new Uint8Array(await new Response(packed).arrayBuffer());
  },
};

/** As in Node, for http:// and https:// URLs. A path alone means the page's own origin. */
export async function connect<T extends ModelTypes | EnsembleLike = ModelTypes>(
  url: string,
  options: ConnectOptions = {},
): Promise<Client<ModelsOf<T>>> {
  const parsed = url.startsWith("/")
    ? new URL(url, (globalThis as { location?: { href: string } }).location?.href)
    : parseUrl(url);
  if (!/^https?:$/.test(parsed.protocol))
    throw new UnsupportedError(
      "UNIMPLEMENTED",
      `${parsed.protocol}// can't be opened in a browser: use the server's http:// port`,
    );
  const client = createClient<ModelsOf<T>>(openHttp(parsed, options, platform), options);
  await checkDrift(client as unknown as Client, options);
  return client;
}
