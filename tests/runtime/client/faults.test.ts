/**
 * The client's behavior with other servers, with servers that crash or break their contract, and with callers that cancel.
 * The servers here are fakes: a real one does not do these things on request.
 */
import { getEventListeners } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createNet, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type ClientError, connect, DriftError, ProtocolError, UnavailableError } from "#runtime/client/index.js";
import { frame } from "#runtime/wire/grpc/framing.js";
import { encode } from "#triton-protos/proto-root.js";

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>(done => server.listen(0, "127.0.0.1", done));
  open.push(server);
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const http = (
  answer: (url: string, body: string) => { status?: number; type?: string; text?: string; cut?: boolean },
) =>
  listen(
    createHttp((request, response) => {
      let body = "";
      request.on("data", chunk => (body += chunk));
      request.on("end", () => {
        const { status = 200, type = "application/json", text = "", cut } = answer(request.url ?? "", body);
        response.writeHead(status, { "content-type": type, ...(cut && { "content-length": "1000" }) });
        response.write(text);
        if (cut) response.destroy();
        else response.end();
      });
    }),
  );

const grpc = (answer: (stream: ServerHttp2Stream, path: string) => void) => {
  const server = createHttp2();
  server.on("stream", (stream, headers) => answer(stream, String(headers[":path"])));
  server.on("session", session => open.push({ close: () => session.destroy() }));
  return listen(server);
};
const OK = { ":status": 200, "content-type": "application/grpc" };

const raw = { datatype: "FP32" as const, shape: [1], raw: new Uint8Array(4) };
const fault = async (url: string, options = {}): Promise<ClientError> => {
  await using client = await connect(url, options);
  return await client.infer("m", { INPUT0: raw }).then(
    () => expect.fail("it answered"),
    (error: ClientError) => error,
  );
};

describe("other servers than KServe's", () => {
  test("a web page, over HTTP", async () => {
    const at = await http(() => ({ type: "text/html", text: "<h1>Welcome</h1>" }));
    expect(await fault(`http://${at}`, { binary: false })).toBeInstanceOf(ProtocolError);
    const gone = await http(() => ({ status: 404, type: "text/html", text: "<h1>Not here</h1>" }));
    expect((await fault(`http://${gone}`, { binary: true })).message).toMatch(/is this a KServe v2 server/);
  });

  test("JSON of something else", async () => {
    const at = await http(() => ({ text: '{"hello":"world"}' }));
    expect((await fault(`http://${at}`, { binary: true })).message).toMatch(/no `outputs`/);
  });

  test("HTTP/2 without gRPC", async () => {
    const at = await grpc(stream => {
      stream.respond({ ":status": 200, "content-type": "text/html" });
      stream.end("<h1>Welcome</h1>");
    });
    expect((await fault(`grpc://${at}`)).message).toMatch(/content-type "text\/html" and is not a gRPC server/);
  });

  test("bytes that are not a message", async () => {
    const at = await grpc(stream => {
      stream.respond(OK, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(frame(Buffer.from([0x0a, 0xff, 0xff, 0x01])));
    });
    expect(await fault(`grpc://${at}`)).toBeInstanceOf(ProtocolError);
  });

  test("gRPC to an HTTP port, HTTP to a gRPC port, no server at all", async () => {
    const page = await http(() => ({}));
    expect((await fault(`grpc://${page}`)).message).toMatch(/does not speak HTTP\/2/);
    const other = await grpc(() => {});
    expect((await fault(`http://${other}`, { binary: true })).message).toMatch(/is this a gRPC port/);
    for (const url of ["grpc://127.0.0.1:1", "http://127.0.0.1:1"]) {
      const refused = await fault(url);
      expect(refused).toBeInstanceOf(UnavailableError);
      expect([refused.message, refused.model]).toEqual([
        expect.stringMatching(/nothing answers at .*ECONNREFUSED/),
        "m",
      ]);
    }
  });

  test.each(["localhost:8001", "ftp://localhost", "grpc://", "", "http://"])("%j is not an address", async url => {
    await expect(connect(url)).rejects.toThrow(/write|names no host|is not a URL/);
  });
});

describe("a server that dies or is cut off", () => {
  test("in the middle of an answer", async () => {
    const at = await http(() => ({ text: '{"outputs":', cut: true }));
    const cut = await fault(`http://${at}`, { binary: true });
    expect([cut.code, cut.message]).toEqual(["UNAVAILABLE", expect.stringMatching(/cut off/)]);
    const dead = await grpc(stream => {
      stream.respond(OK);
      stream.write(Buffer.from([0, 0, 0, 0, 99, 1, 2]));
      setTimeout(() => stream.session?.destroy(), 20);
    });
    expect((await fault(`grpc://${dead}`)).code).toBe("UNAVAILABLE");
    const plug = await listen(createNet(socket => socket.once("data", () => socket.destroy())));
    expect((await fault(`grpc://${plug}`)).code).toBe("UNAVAILABLE");
    expect((await fault(`http://${plug}`, { binary: true })).code).toBe("UNAVAILABLE");
  });

  test("a stream that a proxy ends without a status", async () => {
    const answer = encode("inference.ModelStreamInferResponse", { infer_response: { model_name: "m" } });
    const at = await grpc(stream => {
      stream.respond(OK);
      stream.write(frame(answer));
      setTimeout(() => stream.close(0), 20);
    });
    await using client = await connect(`grpc://${at}`);
    const seen: string[] = [];
    const read = async () => {
      for await (const { model } of client.stream("m", { INPUT0: raw })) seen.push(model);
    };
    await expect(read()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/cut off.*proxy/s),
    });
    expect(seen).toEqual(["m"]);
  });
});

describe("answers that contradict", () => {
  const answering = (output: object, bytes: readonly Uint8Array[]) =>
    grpc(stream => {
      stream.respond(OK, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(frame(encode("inference.ModelInferResponse", { outputs: [output], raw_output_contents: bytes })));
    });

  test("their own shape, or datatypes that are none", async () => {
    const short = await answering({ name: "OUT", datatype: "FP32", shape: [3] }, [new Uint8Array(8)]);
    expect((await fault(`grpc://${short}`)).message).toBe("output `OUT` says it is FP32 [3], 12 bytes, and brings 8");
    const odd = await answering({ name: "OUT", datatype: "FP8", shape: [1] }, [new Uint8Array(1)]);
    expect((await fault(`grpc://${odd}`)).message).toMatch(/"FP8", which KServe v2 has not/);
    const none = await answering({ name: "OUT", datatype: "FP32", shape: [1] }, []);
    expect((await fault(`grpc://${none}`)).message).toMatch(/FP32 \[1\], 4 bytes, and brings 0/);
  });

  test("the models that the program was typed with", async () => {
    const at = await answering({ name: "OUT", datatype: "FP32", shape: [2, 3] }, [new Uint8Array(24)]);
    const models = { m: { inputs: {}, outputs: { OUT: { datatype: "FP32", shape: [-1] } } } } as const;
    const url = `grpc://${at}`;
    const client = await connect(url, { models, drift: "warn" });
    await expect(client.infer("m", { INPUT0: raw })).rejects.toThrow(
      "output `OUT` is FP32 [2,3], and the model was typed with FP32 [-1]",
    );
    await client.close();
  });
});

describe("drift", () => {
  const metadata = {
    name: "m",
    versions: ["1"],
    platform: "",
    inputs: [
      { name: "a", datatype: "INT64", shape: [-1, 1] },
      { name: "c", datatype: "FP32", shape: [1] },
    ],
    outputs: [{ name: "o", datatype: "FP32", shape: [-1, 5] }],
  };
  test("is said one sentence each, when connecting", async () => {
    const at = await http(url =>
      url.startsWith("/v2/models/m")
        ? { text: JSON.stringify(metadata) }
        : { status: 404, text: '{"error":"no such model"}' },
    );
    const models = {
      m: {
        inputs: { a: { datatype: "INT32", shape: [-1, 1] }, b: { datatype: "BYTES", shape: [-1] } },
        outputs: { o: { datatype: "FP32", shape: [-1, 4] } },
      },
      n: { inputs: {}, outputs: {} },
    } as const;
    const error = await connect(`http://${at}`, { models }).catch(found => found);
    expect(error).toBeInstanceOf(DriftError);
    expect(error.differences).toEqual([
      'model "m": input `a` is INT64 [-1,1], and INT32 [-1,1] is expected',
      'model "m" has no input `b` (BYTES [-1] is expected)',
      'model "m" has an input that is not expected: `c` (FP32 [1])',
      'model "m": output `o` is FP32 [-1,5], and FP32 [-1,4] is expected',
      'there is no model "n": no such model',
    ]);
  });
});

describe("retries", () => {
  const flaky = (failures: number) => {
    let calls = 0;
    const url = http(() =>
      calls++ < failures ? { status: 503, text: '{"error":"busy"}' } : { text: '{"model_name":"m","outputs":[]}' },
    );
    return { url, calls: () => calls };
  };

  test("as often as the policy says, never without one, and not for a sequence", async () => {
    const { url, calls } = flaky(2);
    await using client = await connect(`http://${await url}`, { binary: true });
    await expect(client.infer("m", { INPUT0: raw })).rejects.toMatchObject({ code: "UNAVAILABLE", message: "busy" });
    expect(calls()).toBe(1);
    await client.infer("m", { INPUT0: raw }, { retry: { attempts: 3, backoff: 1 } });
    expect(calls()).toBe(3);
    const again = flaky(5);
    await using other = await connect(`http://${await again.url}`, {
      binary: true,
      retry: { attempts: 3, backoff: 1 },
    });
    await expect(other.infer("m", { INPUT0: raw })).rejects.toThrow("busy");
    expect(again.calls()).toBe(3);
    await expect(other.infer("m", { INPUT0: raw }, { sequence: { id: 1, start: true } })).rejects.toThrow("busy");
    expect(again.calls()).toBe(4);
  });

  test("within the deadline of the call", async () => {
    const { url } = flaky(1000);
    await using client = await connect(`http://${await url}`, { binary: true });
    const late = client.infer("m", { INPUT0: raw }, { deadline: 60, retry: { attempts: 1000, backoff: 40 } });
    await expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});

describe("a caller that changes its mind", () => {
  /** Answers nothing, ever. */
  const silent = async () => {
    const ended: number[] = [];
    const begun: number[] = [];
    const at = await grpc(stream => {
      begun.push(stream.id!);
      stream.on("error", () => {});
      stream.on("close", () => ended.push(stream.rstCode));
    });
    return { url: `grpc://${at}`, begun, ended };
  };

  test("before the call, while it waits, between answers, and by closing; nothing is left behind", async () => {
    const { url, begun, ended } = await silent();
    const client = await connect(url);
    const abort = new AbortController();
    const { signal } = abort;
    const reason = new Error("changed my mind");
    const waiting = Array.from({ length: 40 }, () =>
      client.infer("m", { INPUT0: raw }, { signal }).catch(error => error),
    );
    const streaming = client
      .stream("m", { INPUT0: raw }, { signal })
      .next()
      .catch(error => error);
    await expect.poll(() => begun.length).toBe(41);
    abort.abort(reason);
    for (const error of [...(await Promise.all(waiting)), await streaming]) {
      expect([error.name, error.code, error.cause]).toEqual(["AbortError", "CANCELLED", reason]);
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await expect(client.infer("m", { INPUT0: raw }, { signal })).rejects.toMatchObject({
      code: "CANCELLED",
      cause: reason,
    });
    // The server receives each cancellation.
    await expect.poll(() => ended.length).toBe(41);
    expect(new Set(ended)).toEqual(new Set([8]));
    const last = client.infer("m", { INPUT0: raw }).catch(error => error);
    await expect.poll(() => begun.length).toBe(42);
    await client.close();
    expect((await last).code).toBe("UNAVAILABLE");
  });
});
