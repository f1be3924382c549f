/**
 * A model up to this size, with the files beside it, computes in one thread unless something else is set. Its layers are done before a second thread has
 * woken up, and threads that look for work keep the cores from other requests.
 */
export const ONE_THREAD_BYTES = 16 * 2 ** 20;

/** The parameter of a model's configuration that sets the number, in Triton's ONNX Runtime backend and here. */
export const THREADS_PARAMETER = "intra_op_thread_count";
