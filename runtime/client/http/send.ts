/**
 * One HTTP exchange: by `fetch` in browsers, by node:http elsewhere.
 */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** From the host's root. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number | undefined;
}

export interface HttpHead {
  readonly status: number;
  header(name: string): string | undefined;
}

export interface HttpSender {
  /** The whole answer. @throws ClientError */
  send(request: HttpRequest): Promise<HttpHead & { readonly body: Uint8Array }>;
  /** Yields the body of the response as it arrives; leaving it early ends the exchange. @throws ClientError */
  open(request: HttpRequest): Promise<HttpHead & { readonly chunks: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}

export const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  if (parts.length === 1) return parts[0]!;
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};
