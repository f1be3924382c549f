/**
 * KServe v2 over HTTP. Neither this module nor its imports need Node: a browser runs it with `fetch`.
 */
import { type ClientError, httpError, ProtocolError } from "../client-error.js";
import type { CallSettings, Rpc, RpcAnswer, RpcRequest, Transport, WireAnswer, WireRequest } from "../wire-call.js";
import { PROBES, ROUTES, type Route } from "./calls.js";
import { errorText, eventAnswer, flatBody, readEvents, refuseStatus } from "./generate.js";
import { readInferAnswer } from "./infer-answer.js";
import { printInferBody } from "./infer-body.js";
import { parseJsonText } from "./json-text.js";
import type { HttpSender } from "./send.js";

export interface HttpOptions {
  /** The whole URL, for messages. */
  readonly address: string;
  /** Path before `/v2`, without a slash at its end. */
  readonly base: string;
  /** Whether tensors travel as bytes; `auto`: as the server's metadata says. */
  readonly binary: boolean | "auto";
  readonly compress:
    | ((body: Uint8Array) => Promise<{ readonly body: Uint8Array; readonly encoding: string }>)
    | undefined;
  readonly acceptEncoding: string | undefined;
  readonly sender: HttpSender;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LENGTH = "Inference-Header-Content-Length";
const NONE: ReadonlySet<string> = new Set();

const path = ({ model, version }: { model: string; version: string }, verb: string): string =>
  `/v2/models/${encodeURIComponent(model)}${version ? `/versions/${encodeURIComponent(version)}` : ""}/${verb}`;

export function httpTransport(options: HttpOptions): Transport {
  const { base, sender } = options;
  let knowsBinary: Promise<boolean> | undefined;

  const isBinary = (settings: CallSettings): Promise<boolean> | boolean => {
    if (options.binary !== "auto") return options.binary;
    knowsBinary ??= call("ServerMetadata", {}, { headers: settings.headers, timeout: settings.timeout }).then(
      ({ extensions }) => (extensions ?? []).some(name => name === "binary_tensor_data" || name === "binary_data"),
    );
    // A server that was not up yet is tried again.
    knowsBinary.catch(() => {
      knowsBinary = undefined;
    });
    return knowsBinary;
  };

  async function call<N extends Rpc>(rpc: N, request: RpcRequest<N>, settings: CallSettings): Promise<RpcAnswer<N>> {
    const route = ROUTES[rpc] as unknown as Route<N>;
    const isRead = route.method === "GET" || route.isRead?.(request) === true;
    const named = request as { name?: string; model_name?: string };
    const place = { model: named.model_name || (rpc.startsWith("Model") ? named.name : undefined) || undefined };
    const { status, body, header } = await sender.send({
      method: isRead ? "GET" : "POST",
      path: base + route.path(request),
      headers: { ...settings.headers, ...(!isRead && { "content-type": "application/json" }) },
      ...(!isRead && { body: [encoder.encode(JSON.stringify(route.body?.(request) ?? {}))] }),
      signal: settings.signal,
      timeout: settings.timeout,
    });
    const text = decoder.decode(body);
    const isProbe = PROBES.has(rpc) && (status === 200 || status === 400 || status === 503);
    if (status !== 200 && !isProbe) throw refused(options, status, text, header("content-type"), place);
    if (isProbe) return route.read(undefined, status);
    try {
      return route.read(text.trim() ? parseJsonText(text) : {}, status);
    } catch (cause) {
      throw new ProtocolError(
        "INTERNAL",
        `the server at ${options.address} is not a KServe v2 server: ${(cause as Error).message}`,
        { ...place, cause },
      );
    }
  }

  const post = (request: { model: string; version: string }, verb: string, body: unknown, settings: CallSettings) =>
    sender.open({
      method: "POST",
      path: base + path(request, verb),
      headers: { ...settings.headers, "content-type": "application/json" },
      body: [encoder.encode(JSON.stringify(body))],
      signal: settings.signal,
      timeout: settings.timeout,
    });

  return {
    protocol: "http",
    address: options.address,
    infer: (request, settings) => infer(options, request, settings, isBinary(settings)),
    call,
    async *stream(requests, settings, describe) {
      for await (const request of requests) {
        const declared = await describe(request.model, request.version);
        const answer = await post(request, "generate_stream", flatBody(request), settings);
        await refuseStatus(answer, request.model);
        for await (const event of readEvents(answer.chunks)) yield eventAnswer(event, declared);
      }
    },
    async *generate({ body, ...target }, settings) {
      const answer = await post(target, "generate_stream", body, settings);
      await refuseStatus(answer, target.model);
      for await (const event of readEvents(answer.chunks)) {
        if (event.error !== undefined) throw httpError(500, String(event.error), { model: target.model });
        yield event;
      }
    },
    close: () => sender.close(),
  };
}

/** A server without such a route responds with its own text, which does not mention models. */
function refused(
  { address }: HttpOptions,
  status: number,
  text: string,
  type: string | undefined,
  place: { readonly model?: string | undefined },
): ClientError {
  const said = type?.includes("html") ? undefined : errorText(text);
  return httpError(
    status,
    said ?? `HTTP ${status} from ${address}: is this a KServe v2 server, and its HTTP port?`,
    place,
  );
}

/** @param binary whether tensors travel as bytes, or will be known to */
async function infer(
  options: HttpOptions,
  request: WireRequest,
  settings: CallSettings,
  binary: Promise<boolean> | boolean,
): Promise<WireAnswer> {
  const { base, sender } = options;
  const place = { model: request.model, requestId: request.id || undefined };
  const { parts, jsonLength } = printInferBody(request, await binary);
  const packed = await options.compress?.(
    parts.length === 1 ? parts[0]! : new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer()),
  );
  const { status, header, body } = await sender.send({
    method: "POST",
    path: base + path(request, "infer"),
    headers: {
      ...settings.headers,
      "content-type": jsonLength === undefined ? "application/json" : "application/octet-stream",
      ...(jsonLength !== undefined && { [LENGTH]: String(jsonLength) }),
      ...(packed && { "content-encoding": packed.encoding }),
      ...(options.acceptEncoding && { "accept-encoding": options.acceptEncoding }),
    },
    body: packed ? [packed.body] : parts,
    signal: settings.signal,
    timeout: settings.timeout,
  });
  if (status !== 200) throw refused(options, status, decoder.decode(body), header("content-type"), place);
  const placed = request.outputs.some(({ region }) => region)
    ? new Set(request.outputs.flatMap(({ name, region }) => (region ? [name] : [])))
    : NONE;
  return readInferAnswer(body, header(LENGTH), header("content-type")?.includes("octet-stream") ?? false, placed);
}
