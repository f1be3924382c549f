/**
 * Records whose answers differ, each with its reason. A record that becomes equal must leave this list: the test says so.
 */
const reasons: readonly (readonly [reason: string, ids: string])[] = [
  [
    "the classification extension is not served yet",
    `grpc-infer/150 grpc-infer/151 grpc-infer/152 grpc-infer/153 grpc-infer/154 grpc-infer/155 grpc-infer/156 grpc-infer/157 grpc-infer/158
     grpc-infer/159 grpc-infer/160 grpc-infer/161 grpc-infer/162 grpc-infer/163 grpc-infer/164 grpc-infer/165 grpc-infer/167 grpc-infer/168
     grpc-infer/169 grpc-infer/170 grpc-infer/171 grpc-infer/172 grpc-infer/174 grpc-errors/175 grpc-errors/176 grpc-errors/177 grpc-stream/009
     http-infer/127 http-infer/128 http-infer/129 http-infer/130 http-infer/131 http-infer/133 http-infer/134 http-infer/135 http-infer/136
     http-infer/137`,
  ],
  [
    "with more inputs than declared, the order of names is that of a C++ hash map",
    "grpc-errors/023 grpc-errors/024 http-errors/121",
  ],
  ["this build of ONNX Runtime names another source line", "grpc-errors/098"],
  ["identity answers a required input that a count of optional ones hides with zeros", "grpc-infer/125"],
  [
    "numbers print with the fewest digits that read back equal; RapidJSON is one unit off in the last place",
    "http-infer/037 http-infer/038 http-infer/040 http-infer/041 http-infer/042 http-infer/044 http-infer/096 http-infer/105 http-infer/109",
  ],
  ["bytes that are not UTF-8: the record keeps base64, the answer is compared as text", "http-infer/083"],
  ["Content-Length together with Transfer-Encoding is refused: it is how requests are smuggled", "http-infer/190"],
  ["shared memory parameters are not read beyond the region's name", "http-errors/146"],
  [
    "a body that cannot be unpacked is refused by name; Triton takes it for an empty one",
    "http-compression/007 http-compression/009 http-compression/010 http-compression/011 http-compression/012",
  ],
];

/** Record → why its answer differs. */
export const KNOWN_DIFFERENCES: ReadonlyMap<string, string> = new Map(
  reasons.flatMap(([reason, ids]) =>
    ids
      .trim()
      .split(/\s+/)
      .map(id => [id, reason] as const),
  ),
);
