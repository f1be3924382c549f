/**
 * A gRPC call → the exchanges of a cassette: one for ModelInfer, one for each request of ModelStreamInfer.
 */

import { Cancellable } from "../../base/cancellation.js";
import { CODES } from "../../client/client-error.js";
import { decodeResponse, decodeStreamResponse } from "../../client/grpc/decode-response.js";
import type { WireAnswer } from "../../client/wire-call.js";
import type { Exchange, RecordedAnswer, RecordedFault } from "../../server/recordings/exchange.js";
import { toRequest } from "../../server/transport/grpc/to-request.js";
import { decodeRequest } from "../../wire/grpc/decode-request.js";
import { Cursor } from "../../wire/grpc/wire.js";
import type { GrpcTap } from "./grpc-proxy.js";
import { unseenMemory } from "./unseen-memory.js";

export const INFER = "/inference.GRPCInferenceService/ModelInfer";
export const STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

type Asked = Omit<Exchange, "answers" | "error" | "line">;

/** @throws RuntimeFault for a request that Triton's front end refuses too */
function readRequest(message: Buffer, headers: Exchange["headers"], stream: boolean): Asked {
  const wire = decodeRequest(message);
  const { id, parameters, inputs, outputs } = toRequest(wire, unseenMemory(), given => given, new Cancellable());
  return {
    protocol: "grpc",
    model: wire.model,
    version: wire.version,
    id,
    parameters,
    headers,
    inputs,
    outputs,
    stream,
  };
}

const readAnswer = (answer: WireAnswer, ms: number): RecordedAnswer => ({
  ms: Math.round(ms * 100) / 100,
  version: answer.version,
  parameters: new Map([...answer.parameters].filter(([key]) => key !== "triton_final_response")),
  outputs: answer.outputs.map(({ name, datatype, shape, raw }) => ({ name, datatype, shape, data: raw })),
});

const faultOf = (status: Parameters<GrpcTap["end"]>[0]): RecordedFault | undefined => {
  if (!status) return { code: "UNAVAILABLE", message: "the connection was lost", cut: true };
  return status.code === 0 ? undefined : { code: CODES[status.code] ?? "UNKNOWN", message: status.message };
};

/** @param keep takes exchanges when they are over @param lost called with the reason if a request could not be read */
export function tapInfer(
  headers: Exchange["headers"],
  keep: (exchange: Omit<Exchange, "line">) => void,
  lost: (reason: string) => void,
): GrpcTap {
  const began = performance.now();
  let asked: Asked | undefined;
  let answer: RecordedAnswer | undefined;
  let isReadable = true;
  const lose = (error: Error): void => {
    if (isReadable) lost(error.message);
    isReadable = false;
  };
  return {
    request(message) {
      try {
        asked = readRequest(message, headers, false);
      } catch (error) {
        lose(error as Error);
      }
    },
    answer(message) {
      try {
        answer = readAnswer(decodeResponse(new Cursor(message), new Set()), performance.now() - began);
      } catch (error) {
        lose(error as Error);
      }
    },
    unreadable: lose,
    end(status) {
      const error = faultOf(status);
      if (asked && isReadable) keep({ ...asked, answers: answer ? [answer] : [], ...(error && { error }) });
    },
  };
}

interface Open {
  readonly asked: Asked;
  readonly began: number;
  readonly answers: RecordedAnswer[];
}

/**
 * Answers belong to the request whose id they carry; without ids, to the oldest that is open to their model. The parameter
 * `triton_final_response` closes a request; what a stream's end leaves open ends with it.
 */
export function tapStream(
  headers: Exchange["headers"],
  keep: (exchange: Omit<Exchange, "line">) => void,
  lost: (reason: string) => void,
): GrpcTap {
  const open: Open[] = [];
  const close = (one: Open, error?: RecordedFault): void => {
    open.splice(open.indexOf(one), 1);
    keep({ ...one.asked, answers: one.answers, ...(error && { error }) });
  };
  return {
    request(message) {
      try {
        open.push({ asked: readRequest(message, headers, true), began: performance.now(), answers: [] });
      } catch (error) {
        lost((error as Error).message);
      }
    },
    answer(message) {
      const { answer, fault } = decodeStreamResponse(message, new Set());
      const { id, model, parameters, outputs } = answer;
      const one =
        (id !== "" && open.find(({ asked }) => asked.id === id)) ||
        open.find(({ asked }) => model === "" || asked.model === model);
      if (!one) return;
      const isLast = parameters.get("triton_final_response");
      // The empty answer that only says "no more" is none.
      if (fault !== undefined || outputs.length > 0 || isLast !== true)
        one.answers.push({
          ...readAnswer(answer, performance.now() - one.began),
          ...(fault !== undefined && { error: fault }),
        });
      if (isLast === true || (fault !== undefined && isLast === undefined)) close(one);
    },
    unreadable: error => lost(error.message),
    end(status) {
      const error = faultOf(status);
      for (const one of [...open]) close(one, error);
    },
  };
}
