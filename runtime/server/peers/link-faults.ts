/**
 * The faults of requests that another worker should have run.
 */
import { RuntimeFault, unavailable } from "../../base/errors.js";
import type { PlacedVersion } from "../requests/placement.js";

/** @param happened completes "worker 1 …" */
export const workerGone = (worker: number, happened: string): RuntimeFault =>
  unavailable(`worker ${worker} of this server, which ran the request, ${happened}; send the request again`);

export const responseTooLarge = (worker: number, bytes: number): RuntimeFault =>
  new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `the response of worker ${worker} has ${bytes} bytes, more than the server's memory limit leaves; retry later, or raise --memory-limit`,
  );

/** @param bytes that wait for it */
export const notReading = (worker: number, bytes: number): RuntimeFault =>
  new RuntimeFault(
    "RESOURCE_EXHAUSTED",
    `worker ${worker} of this server has ${bytes / 2 ** 20} MiB of requests that it has not read; retry later`,
  );

export const notAtHome = ({ model, version }: PlacedVersion, worker: number): RuntimeFault =>
  unavailable(
    `version ${version} of model '${model}' is not ready at worker ${worker}, which has the state of this request; send the request again`,
  );
