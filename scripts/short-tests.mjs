// The short form of `npm test`: patterns of files for `npm run test:nodes -- --short` and `npm run test:shuffled -- --short`.
/** Protocols and their sockets, loops over columns, native addons, stores, and the programs. */
export const SHORT = [
  "tests/triton-protos/",
  "tests/formats/bytes/",
  "operators/shared/kernel/",
  "tests/operators/",
  "tests/runtime/base/",
  "tests/runtime/wire/",
  "tests/runtime/stores/vectors/",
  "tests/runtime/server/requests/classify",
  "tests/runtime/server/transport/http1/",
  "tests/runtime/server/transport/http2/",
  "tests/cli/doctor/",
  "tests/cli/ends",
  "tests/cli/watch-terminal",
  "tests/run/",
];
