/**
 * The data between the client and its transports: raw tensors, independent of the protocol.
 */
import type { Messages } from "../../triton-protos/gen/messages.js";
import type { Init } from "../../triton-protos/message-shape.js";
import type { Parameter } from "../base/tensor.js";
import type { Tensor } from "./tensor.js";

export type Parameters = Iterable<readonly [string, Parameter]>;

export interface Region {
  readonly region: string;
  readonly byteSize: number;
  readonly offset: number;
}

export interface WireInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** The elements, or where they are. */
  readonly data: Uint8Array | Region;
}

export interface WireOutput {
  readonly name: string;
  /** Number of top classes instead of the elements. */
  readonly classes?: number;
  readonly region?: Region;
}

export interface WireRequest {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: readonly (readonly [string, Parameter])[];
  readonly inputs: readonly WireInput[];
  /** Empty for all. */
  readonly outputs: readonly WireOutput[];
}

export interface WireAnswer {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly outputs: readonly Tensor[];
}

/** One message of a stream: an answer, or the text of a fault with the id of its request. */
export type StreamMessage = { readonly answer: WireAnswer; readonly fault?: string };

export interface CallSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that are left. */
  readonly timeout?: number | undefined;
}

/** The unary calls besides inference. */
export type Rpc =
  Exclude<
    Extract<keyof Messages, `inference.${string}Request`>,
    "inference.ModelInferRequest"
  > extends `inference.${infer N}Request`
    ? N
    : never;
export type RpcRequest<N extends Rpc> = Init<Messages[Extract<keyof Messages, `inference.${N}Request`>]>;
export type RpcAnswer<N extends Rpc> = Messages[Extract<keyof Messages, `inference.${N}Response`>];

/** Plain JSON to `/generate`, and back. */
export interface GenerateRequest {
  readonly model: string;
  readonly version: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** One protocol's way to a server. */
export interface Transport {
  readonly protocol: "grpc" | "http";
  /** `host:port` or the URL, for messages. */
  readonly address: string;
  infer(request: WireRequest, settings: CallSettings): Promise<WireAnswer>;
  /**
   * Ends the stream when the reader stops.
   * @param describe what a model takes and answers: over HTTP streams travel as plain JSON, which does not say
   */
  stream(
    requests: AsyncIterable<WireRequest>,
    settings: CallSettings,
    describe: (model: string, version: string) => Promise<RpcAnswer<"ModelMetadata">>,
  ): AsyncIterable<StreamMessage>;
  call<N extends Rpc>(rpc: N, request: RpcRequest<N>, settings: CallSettings): Promise<RpcAnswer<N>>;
  /** Only over HTTP: the protocol has no such call over gRPC. */
  generate?(request: GenerateRequest, settings: CallSettings): AsyncIterable<Readonly<Record<string, unknown>>>;
  /** Ends what is under way and lets go of the connections. */
  close(): Promise<void>;
}
