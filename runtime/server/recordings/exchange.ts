/** The content of a cassette: requests of clients, and their responses. */
import { STATUS, type StatusCode } from "../../base/errors.js";
import type { Parameter } from "../../base/tensor.js";
import type { RequestTensor } from "../contract.js";

export interface RecordedFault {
  /** gRPC's name of the status. */
  readonly code: string;
  readonly message: string;
  /** The connection was lost; there was no status. */
  readonly cut?: true;
}

export interface RecordedAnswer {
  /** Milliseconds after the request. */
  readonly ms: number;
  readonly version: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly outputs: readonly RequestTensor[];
  /** An answer of a stream that is a fault. */
  readonly error?: string;
}

/** A request and its responses. */
export interface Exchange {
  readonly protocol: "grpc" | "http";
  readonly model: string;
  /** Empty for the latest. */
  readonly version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** Secrets are masked. */
  readonly headers: Readonly<Record<string, string>>;
  readonly inputs: readonly RequestTensor[];
  /** Names of requested outputs; empty for all. */
  readonly outputs: readonly string[];
  readonly stream: boolean;
  readonly answers: readonly RecordedAnswer[];
  readonly error?: RecordedFault;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** Whether there is a response, or the server's own refusal; a call that the client cancelled has none. */
export const isReplayable = ({
  error,
  answers,
}: {
  readonly error?: RecordedFault | undefined;
  readonly answers: readonly unknown[];
}): boolean => (error ? error.cut === true || statusOf(error) !== undefined : answers.length > 0);

/** The recorded status as one of this server's; a cancellation and a deadline are the client's doing. */
export const statusOf = ({ code }: RecordedFault): StatusCode | undefined =>
  code === "UNIMPLEMENTED"
    ? "UNSUPPORTED"
    : code !== "CANCELLED" && code !== "DEADLINE_EXCEEDED" && Object.hasOwn(STATUS, code)
      ? (code as StatusCode)
      : undefined;
