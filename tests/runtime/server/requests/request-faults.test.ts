/**
 * HTTP requests that Triton refuses, or accepts, in a way of its own. Statuses and texts are those of Triton 2.51 for the same requests,
 * and of the sources of 2.73 (`http_server.cc`, `infer_request.cc`) for newer checks.
 */
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nameFault } from "#contract/files/model-name.js";
import { serve } from "#runtime/server/index.js";
import { repository, startServer } from "../support.js";

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer(
    repository(["echo_fp32", "echo_bytes", "echo_int32_nb", "calc_int32", "echo_optional", "ens_optional"]),
    {
      httpHeaderForwardPattern: ".*(id|timeout|triton_x|x-user)",
    },
  );
});
afterAll(() => server.stop());

type Reply = readonly [status: number, body: unknown];
const send = async (
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> => {
  const response = await fetch(server.http + path, { method: "POST", body: body as BodyInit, headers });
  return [response.status, await response.json()];
};
const error = (status: number, text: string): Reply => [status, { error: text }];
const NO_ID = "[request id: <id_unknown>] ";

const bytesInput = (data: string, shape = "[1,2]"): Promise<Reply> =>
  send(
    "/v2/models/echo_bytes/infer",
    `{"inputs":[{"name":"INPUT0","datatype":"BYTES","shape":${shape},"data":${data}}]}`,
  );
const floats = (data: string, shape = "[1,2]", datatype = "FP32"): Promise<Reply> =>
  send(
    "/v2/models/echo_fp32/infer",
    `{"inputs":[{"name":"INPUT0","datatype":"${datatype}","shape":${shape},"data":${data}}]}`,
  );
const nested = (depth: number, inner: string): string => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`;

test("a wrong number of strings is a fault of the request, and no strings one of the server", async () => {
  const place = "for inference input 'INPUT0' for model 'echo_bytes'";
  expect(await bytesInput('["a"]')).toEqual(error(400, `${NO_ID}expected 2 string elements ${place}, got 1`));
  expect(await bytesInput('["a","b","c"]')).toEqual(
    error(400, `${NO_ID}unexpected number of string elements 3 ${place}, expecting 2`),
  );
  // More strings than the limit on a body has bytes: only the received ones have a size.
  expect(await bytesInput('["a"]', "[1,100000000]")).toEqual(
    error(400, `${NO_ID}expected 100000000 string elements ${place}, got 1`),
  );
  expect(await bytesInput("[]")).toEqual(error(500, "Failed to parse 'data' field: output buffer unavailable"));
});

test("lists that are nested too deeply are a fault of the request, however deep", async () => {
  const text = "JSON nesting depth exceeds maximum allowed limit (100)";
  expect((await floats(nested(99, "1,2")))[0]).toBe(200);
  expect(await floats(nested(100, "1,2"))).toEqual(error(400, `Unable to parse 'data': ${text}`));
  expect((await bytesInput(nested(99, '"a","b"')))[0]).toBe(200);
  expect(await bytesInput(nested(100, '"a","b"'))).toEqual(error(400, text));
  expect(await floats(nested(5000, "1,2"))).toEqual(error(400, text));
  const [status] = await send("/v2/models/calc_int32/infer", `{"foo":${nested(5000, "")},"inputs":[]}`);
  expect(status).toBe(400);
});

test("an unknown datatype is refused where JSON is read, and compared with the model's elsewhere", async () => {
  const mismatch = `${NO_ID}inference input 'INPUT0' data-type is '<invalid>', but model 'echo_fp32' expects 'FP32'`;
  expect(await floats("[1,2]", "[1,2]", "nonsense")).toEqual(error(400, "invalid datatype for input INPUT0"));
  expect(await floats("[]", "[1,0]", "nonsense")).toEqual(error(400, mismatch));
  expect(await floats("[]", "[1,0]", "FP16")).toEqual(error(400, mismatch.replace("<invalid>", "FP16")));
  const head = '{"inputs":[{"name":"INPUT0","datatype":"nonsense","shape":[1,2],"parameters":{"binary_data_size":8}}]}';
  expect(
    await send("/v2/models/echo_fp32/infer", `${head}12345678`, {
      "Inference-Header-Content-Length": String(head.length),
    }),
  ).toEqual(error(400, mismatch));
});

test("shapes and sizes of 2^63 and more are reported unchanged", async () => {
  const shaped = (shape: string) => floats("[1,2]", shape);
  expect(await shaped("[9223372036854775808,2]")).toEqual(
    error(
      400,
      "invalid shape for input 'INPUT0': shape [-9223372036854775808,2] contains one or more invalid dimensions",
    ),
  );
  expect(await shaped("[4294967296,4294967296]")).toEqual(
    error(
      400,
      "invalid shape for input 'INPUT0': shape [4294967296,4294967296] causes total element count to exceed maximum size of 9223372036854775807",
    ),
  );
  expect(await shaped("[4611686018427387904,1]")).toEqual(
    error(
      400,
      "byte size overflow for input 'INPUT0': element count (4611686018427387904) * data type size (4) exceeds maximum allowed size (9223372036854775807)",
    ),
  );
  for (const size of ["9223372036854775808", "18446744073709551615", "9007199254740993"])
    expect(
      await send(
        "/v2/models/echo_fp32/infer",
        `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":${size}}}]}`,
      ),
    ).toEqual(
      error(400, `unexpected size for input 'INPUT0', expecting ${size} additional bytes for model 'echo_fp32'`),
    );
});

test("a null in the place of a number is a fault of the server", async () => {
  const parameter = (name: string) =>
    send(
      "/v2/models/echo_fp32/infer",
      `{"parameters":{"${name}":null},"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`,
    );
  const unsigned = "attempt to access JSON non-unsigned-integer as unsigned-integer";
  expect(await floats("[null,1]")).toEqual(
    error(500, "Unable to parse 'data': attempt to access JSON non-number as double"),
  );
  const tooMany = error(500, "Unable to parse 'data': Shape does not match true shape of 'data' field");
  const noNumber = error(500, "Unable to parse 'data': attempt to access JSON non-number as double");
  for (const data of ["[1,null,2]", '["1",2,3]', "[1,true,null]"]) expect(await floats(data)).toEqual(noNumber);
  for (const data of ["[1,2,null]", "[1,2,3,true]"]) expect(await floats(data)).toEqual(tooMany);
  expect(await floats("[1,2]", "[1,null]")).toEqual(error(500, `Unable to parse 'shape': ${unsigned}`));
  for (const name of ["priority", "timeout"])
    expect(await parameter(name)).toEqual(error(500, `Unable to parse '${name}': ${unsigned}`));
});

test("not-a-number and infinities travel in JSON both ways, in the words that RapidJSON reads", async () => {
  const answer = async (data: string): Promise<string> => {
    const response = await fetch(`${server.http}/v2/models/echo_fp32/infer`, {
      method: "POST",
      body: `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":${data}}]}`,
    });
    return /"data":(\[.*?\])/.exec(await response.text())![1]!;
  };
  expect(await answer("[NaN,-NaN]")).toBe("[NaN,NaN]");
  expect(await answer("[Infinity,-Infinity]")).toBe("[Infinity,-Infinity]");
  expect(await answer("[Inf,-Inf]")).toBe("[Infinity,-Infinity]");
  expect(await answer("[1e39,1]")).toBe("[Infinity,1.0]");
  expect(await floats("[nan,1]")).toEqual(error(500, "failed to parse the request JSON buffer: Invalid value. at 69"));
});

test("the length of the JSON is compared with the unpacked body", async () => {
  const body = '{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,2]}]}';
  const packed = (length: number) =>
    send("/v2/models/echo_fp32/infer", gzipSync(body), {
      "Content-Encoding": "gzip",
      "Inference-Header-Content-Length": String(length),
    });
  expect((await packed(body.length))[0]).toBe(200);
  for (const length of [body.length + 1, 5000])
    expect(await packed(length)).toEqual(
      error(400, `inference header size should be in range (0, ${body.length}), got: ${length}`),
    );
});

test("a batch of 0 has no rows yet, and the next input's batch counts", async () => {
  const calc = (left: string, right: string) =>
    send(
      "/v2/models/calc_int32/infer",
      `{"inputs":[{"name":"LEFT","datatype":"INT32","shape":${left},"data":[1,2,3,4]},{"name":"RIGHT","datatype":"INT32","shape":${right},"data":[1,2,3,4]}]}`,
    );
  expect(await calc("[1,4]", "[0,4]")).toEqual(
    error(400, `${NO_ID}input byte size mismatch for input 'RIGHT' for model 'calc_int32'. Expected 16, got 0`),
  );
  expect((await floats("[]", "[0,2]"))[1]).toEqual({
    error: `${NO_ID}input byte size mismatch for input 'INPUT0' for model 'echo_fp32'. Expected 8, got 0`,
  });
});

test("headers with the names of Triton's own parameters are not forwarded", async () => {
  const infer = (headers: Readonly<Record<string, string>>) =>
    send(
      "/v2/models/echo_fp32/infer",
      '{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,2]}]}',
      headers,
    );
  expect((await infer({ "x-user": "1" }))[0]).toBe(200);
  for (const name of ["sequence_id", "timeout", "triton_x"])
    expect(await infer({ [name]: "1" })).toEqual(
      error(400, `Header '${name}' is reserved for Triton usage and cannot be forwarded.`),
    );
});

const generate = (body: string, model = "echo_fp32"): Promise<Reply> => send(`/v2/models/${model}/generate`, body);

test("generate: an input may be among the parameters, and must be unique", async () => {
  const twice = `${NO_ID}input 'INPUT0' already exists in request`;
  const within = "Converting keyword: 'parameters': ";
  expect(await generate('{"INPUT0":[1,2],"INPUT0":[3]}')).toEqual(error(400, twice));
  expect(await generate('{"INPUT0":[1],"parameters":{"INPUT0":[2]}}')).toEqual(error(400, within + twice));
  // The first repeated one is named, as in qa/L0_http.
  for (const [body, name] of [
    ['{"INPUT0":1,"INPUT1":2,"INPUT1":3,"INPUT0":4}', "INPUT1"],
    ['{"INPUT0":1,"INPUT1":2,"INPUT0":3,"INPUT1":4}', "INPUT0"],
    ['{"INPUT0":1,"INPUT1":2,"INPUT1":3}', "INPUT1"],
  ] as const)
    expect(await generate(body, "echo_optional")).toEqual(
      error(400, `${NO_ID}input '${name}' already exists in request`),
    );
  expect((await generate('{"parameters":{"INPUT0":[2]}}'))[1]).toMatchObject({ OUTPUT0: 2 });
  expect((await generate('{"INPUT0":1,"foo":1,"foo":2}'))[0]).toBe(200);
  expect(await generate('{"INPUT0":1,"parameters":{"foo":null}}')).toEqual(
    error(400, `${within}parameter 'foo' has invalid type. It should be either 'int', 'bool', or 'string'.`),
  );
  for (const value of ["null", "1", "[1]", '"x"'])
    expect(await generate(`{"INPUT0":1,"parameters":${value}}`)).toEqual(
      error(500, "Expected JSON object for keyword: 'parameters': attempt to access JSON non-object as object"),
    );
});

test("a model control mode that loads nothing refuses faulty parameters first", async () => {
  const other = await serve({
    modelRepositories: [repository(["echo_fp32"])],
    http: { port: 0, address: "127.0.0.1" },
    writeLog: () => {},
  });
  const load = async (parameters: unknown): Promise<Reply> => {
    const response = await fetch(`http://127.0.0.1:${other.ports.http}/v2/repository/models/echo_fp32/load`, {
      method: "POST",
      body: JSON.stringify({ parameters }),
    });
    return [response.status, await response.json()];
  };
  expect(await load({ config: null })).toEqual(error(500, "attempt to access JSON non-string as string"));
  expect(await load({ x: "1" })).toEqual(error(500, "unexpected error on creating Triton parameter"));
  expect(await load({ config: "{}" })).toEqual(
    error(503, "explicit model load / unload is not allowed if polling is enabled"),
  );
  await other.stop();
});

test("an ensemble does not run without an input that is not optional", async () => {
  const [status, body] = await send(
    "/v2/models/ens_optional/infer",
    '{"inputs":[{"name":"B","datatype":"INT32","shape":[1],"data":[1]}]}',
  );
  expect([status, body]).toEqual(
    error(
      400,
      `in ensemble 'ens_optional', ${NO_ID}unexpected deadlock, at least one output is not set while no more ensemble steps can be made`,
    ),
  );
});

test("the identity backend takes no text as a sequence's id", async () => {
  const infer = (id: string) =>
    send(
      "/v2/models/echo_fp32/infer",
      `{"id":"r","parameters":{"sequence_id":${id}},"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,2],"data":[1,2]}]}`,
    );
  expect((await infer("7"))[0]).toBe(200);
  expect(await infer('"seven"')).toEqual(
    error(400, "[request id: r] correlation ID in request is not an unsigned int"),
  );
});

test("names are looked at without the blanks around them", () => {
  for (const name of ["..", " ..", "..\t", "a/b"]) expect(nameFault(name)).toBe("traversal");
  for (const name of ["", " ", "\n\r"]) expect(nameFault(name)).toBe("empty");
  for (const name of [" a", "...", "\u00a0"]) expect(nameFault(name)).toBeUndefined();
});

test("a body in more than 65,536 chunks is refused in Triton's words", async () => {
  const answerTo = (chunks: number): Promise<string> =>
    new Promise((resolve, reject) => {
      let text = "";
      const socket = connect(server.ports.http!, "127.0.0.1", () => {
        socket.write(
          "POST /v2/models/calc_int32/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: 0\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        );
        socket.write(`${"1\r\nA\r\n".repeat(chunks)}0\r\n\r\n`);
      });
      socket.on("data", part => (text += part));
      socket.on("close", () => resolve(text));
      socket.on("error", error => (text === "" ? reject(error) : resolve(text)));
    });
  expect(await answerTo(65_536)).toContain(
    "Raw request must only have 1 input (found 1) to be deduced but got 2 inputs",
  );
  const refused = await answerTo(65_537);
  expect(refused).toMatch(/^HTTP\/1\.1 400 /);
  expect(refused).toContain(
    "Chunked request body exceeds maximum of 65536 non-empty chunks. Send fewer or larger HTTP chunks.",
  );
});

test("a body with more than 4,096 inputs is refused while it is read", async () => {
  const answerTo = async (count: number): Promise<string> => {
    const body = `{"inputs":[${Array.from({ length: count }, (_, i) => `{"name":"i${i}","datatype":"INT32","shape":[0],"data":[]}`)}]}`;
    const url = `http://127.0.0.1:${server.ports.http}/v2/models/calc_int32/infer`;
    return (await fetch(url, { method: "POST", body })).text();
  };
  expect(await answerTo(4096)).toContain("expected 2 inputs but got 4096 inputs for model 'calc_int32'");
  expect(await answerTo(4097)).toContain("'inputs' in the request JSON has more than 4096 items");
});
