/**
 * Calls to a feature server over kept connections, each with a deadline; an error names the server and the fix.
 */
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { addressOf, maskStore, type RemoteStore } from "../../../formats/feast/feast-online-store.js";
import { type Cancellation, linkSignal } from "../../base/cancellation.js";
import { invalid, RuntimeFault, unavailable } from "../../base/errors.js";
import { foreignText } from "../../base/foreign-text.js";

/** @throws RuntimeFault UNAVAILABLE, or INVALID_ARGUMENT where the server refuses the question */
export type HttpCall = (method: string, path: string, body?: string, signal?: Cancellation) => Promise<Buffer>;

export function httpCaller(
  store: RemoteStore,
  timeoutMs: number,
): { readonly call: HttpCall; readonly close: () => void } {
  const { credentials, tlsAuthority } = store;
  const url = store.url.reveal();
  const where = `the feature server at ${addressOf(store)}`;
  const mask = (text: string): string => maskStore(store, text);
  const secure = url.startsWith("https:");
  const agent = secure
    ? new https.Agent({ keepAlive: true, ...(tlsAuthority !== undefined && { ca: readFileSync(tlsAuthority) }) })
    : new http.Agent({ keepAlive: true });
  const { request } = secure ? https : http;
  const away = (reason: string) =>
    unavailable(`${where} ${mask(reason)}. Start it with \`feast serve\`, or correct \`path\` in feature_store.yaml.`);
  const once: HttpCall = (method, path, body, signal) =>
    new Promise((resolve, reject) => {
      /** An error after the client disconnected is a consequence of that. */
      const fail = (fault: RuntimeFault): void =>
        reject(signal?.aborted ? new RuntimeFault("CANCELLED", "the request was cancelled") : fault);
      const headers =
        body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const linked = signal && linkSignal(signal);
      const auth = credentials && { auth: credentials.reveal() };
      const options = { method, agent, headers, ...auth, ...(linked && { signal: linked.signal }) };
      const call = request(`${url}${path}`, options, response => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", error => fail(away(`broke off: ${error.message}`)));
        response.on("end", () => {
          const bytes = Buffer.concat(parts);
          const status = response.statusCode ?? 0;
          if (status === 200) resolve(bytes);
          else if (status >= 400 && status < 500)
            reject(
              invalid(
                `${where} refuses (${status}): ${mask(excerpt(bytes))}. Apply the same registry to the server and build again.`,
              ),
            );
          else reject(away(`answers ${status}: ${excerpt(bytes)}`));
        });
      });
      const timer = setTimeout(() => call.destroy(new Error(`did not answer within ${timeoutMs} ms`)), timeoutMs);
      call.on("close", () => {
        clearTimeout(timer);
        linked?.release();
      });
      call.on("error", (error: NodeJS.ErrnoException) => {
        // A kept connection that the server closed meanwhile: nothing was read, so the call is retried on a new one.
        if (!signal?.aborted && call.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE"))
          resolve(once(method, path, body, signal));
        else
          fail(
            away(
              error.message.startsWith("did not")
                ? error.message
                : `can not be reached: ${error.message || error.code}`,
            ),
          );
      });
      call.end(body);
    });
  return { call: once, close: () => agent.destroy() };
}

const excerpt = (bytes: Buffer): string => foreignText(bytes.toString("utf8", 0, 2000));
