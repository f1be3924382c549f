/**
 * Triton's monthly releases: container → server and ONNX Runtime. `tests/oracles/triton/releases.mjs` reads them out of Triton's repository.
 */
export interface TritonContainer {
  /** Year and month, as in `nvcr.io/nvidia/tritonserver:26.08-py3`. */
  readonly release: string;
  /** The version in the server metadata. */
  readonly server: string;
  readonly onnxruntime: string;
  /** The version in the month's vLLM container; Triton's repository has none before 24.04. */
  readonly cuda: string | undefined;
}

const ROWS = [
  ["23.06", "2.35.0", "1.15.0", undefined],
  ["23.07", "2.36.0", "1.15.1", undefined],
  ["23.08", "2.37.0", "1.15.1", undefined],
  ["23.09", "2.38.0", "1.16.0", undefined],
  ["23.10", "2.39.0", "1.16.0", undefined],
  ["23.11", "2.40.0", "1.16.3", undefined],
  ["23.12", "2.41.0", "1.16.3", undefined],
  ["24.01", "2.42.0", "1.16.3", undefined],
  ["24.02", "2.43.0", "1.16.3", undefined],
  ["24.03", "2.44.0", "1.17.2", undefined],
  ["24.04", "2.45.0", "1.17.3", "12.4.1"],
  ["24.05", "2.46.0", "1.18.0", "12.4.1"],
  ["24.06", "2.47.0", "1.18.0", "12.5.0"],
  ["24.07", "2.48.0", "1.18.1", "12.5.1"],
  ["24.08", "2.49.0", "1.19.0", "12.6.0"],
  ["24.09", "2.50.0", "1.19.2", "12.6.1"],
  ["24.10", "2.51.0", "1.19.2", "12.6.2"],
  ["24.11", "2.52.0", "1.19.2", "12.6.3"],
  ["24.12", "2.53.0", "1.20.1", "12.6.3"],
  ["25.01", "2.54.0", "1.20.1", "12.8.0"],
  ["25.02", "2.55.0", "1.20.1", "12.8.0"],
  ["25.03", "2.56.0", "1.21.0", "12.8.1"],
  ["25.04", "2.57.0", "1.21.0", "12.9.0"],
  ["25.05", "2.58.0", "1.22.0", "12.9.0"],
  ["25.06", "2.59.0", "1.22.0", "12.9.0"],
  ["25.07", "2.59.1", "1.22.0", "12.9.0"],
  ["25.08", "2.60.0", "1.23.0", "13.0.1"],
  ["25.09", "2.61.0", "1.23.0", "13.0.1"],
  ["25.10", "2.62.0", "1.23.1", "13.0.2"],
  ["25.11", "2.63.0", "1.23.2", "13.0.2"],
  ["25.12", "2.64.0", "1.23.2", "13.1.0"],
  ["26.01", "2.65.0", "1.23.2", "13.1.1"],
  ["26.02", "2.66.0", "1.24.1", "13.1.1"],
  ["26.03", "2.67.0", "1.24.2", "13.2.0"],
  ["26.04", "2.68.0", "1.24.4", "13.2.1"],
  ["26.05", "2.69.0", "1.24.4", "13.2.1"],
  ["26.06", "2.70.0", "1.24.4", "13.3.0"],
  ["26.07", "2.71.0", "1.27.0", "13.3.0"],
  ["26.08", "2.72.0", "1.28.0", "13.4.1"],
] as const;

/** From the oldest to the newest. */
export const TRITON_CONTAINERS: readonly TritonContainer[] = ROWS.map(([release, server, onnxruntime, cuda]) => ({
  release,
  server,
  onnxruntime,
  cuda,
}));

/** @param text year and month of a release in the table @throws Error for any other */
export function tritonContainer(text: string): TritonContainer {
  const found = TRITON_CONTAINERS.find(({ release }) => release === text);
  if (found) return found;
  const [first, last] = [TRITON_CONTAINERS[0]!.release, TRITON_CONTAINERS.at(-1)!.release];
  throw new Error(`--triton-release takes year and month of a release, from ${first} to ${last}. Got ${text}`);
}

/** The first release in which clients may not use shared memory unless the server's flag allows it. */
export const CLIENT_SHM_OFF = "26.05";
