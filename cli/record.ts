/**
 * `merlon record`: a proxy between clients and a server that writes a cassette, until it is stopped.
 */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { readNamed } from "../contract/files/file-fault.js";
import type { ProxyTls } from "../runtime/testing/recordings/proxy-tls.js";
import type { TlsFlags } from "./client/connection.js";
import { numberLike } from "./numbers.js";

interface Options extends TlsFlags {
  readonly target: string;
  readonly targetHttp?: string;
  readonly out: string;
  readonly address: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly mask: readonly string[];
  readonly listenCert?: string;
  readonly listenKey?: string;
  readonly deadline: number;
}

const seconds = numberLike(/./s, "Write a number above 0.", value => value > 0);

const port = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 16) return value;
  throw new InvalidArgumentError("A port is a number from 0 to 65535; 0 takes a free one.");
};

export const recordCommand = (): Command =>
  new Command("record")
    .description("Proxy a server, and record its requests and responses in a cassette")
    .requiredOption(
      "--target <url>",
      "server address (host:8001 or grpc://… for gRPC, with HTTP one port below; http://… for HTTP alone)",
    )
    .option("--target-http <url>", "the server's HTTP port (default: one below gRPC)")
    .option("--out <file>", "the cassette", "recording.cassette")
    .option("--address <ip>", "where to listen", "127.0.0.1")
    .option("--grpc-port <port>", "0 takes a free one", port, 0)
    .option("--http-port <port>", "0 takes a free one", port, 0)
    .option("--ca <file>", "PEM of the server's certificate authorities (grpcs://…, https://…)")
    .option("--cert <file>", "PEM: a certificate for the server, with --key")
    .option("--key <file>", "PEM: its key")
    .option("--server-name <name>", "name in the server's certificate (default: the address)")
    .option("--insecure", "take any certificate of the server")
    .option("--listen-cert <file>", "PEM of a certificate for clients (with --listen-key)")
    .option("--listen-key <file>", "PEM: its key")
    .option("--deadline <seconds>", "timeout of the recorder's own calls in seconds", seconds, 10)
    .option("--mask <headers...>", "further headers whose values are secrets", [])
    .addHelpText(
      "after",
      `
Authorization headers, cookies, and whatever looks like a token or key are masked. Tensors are kept whole.
Ends with 1 if a request was not recorded.

  $ merlon record --target triton.staging:8001 --out staging.cassette --grpc-port 9001 --http-port 9000
  $ my-service --triton 127.0.0.1:9001                    # then Ctrl-C
  $ merlon record --target grpcs://triton.staging:8001 --ca staging-ca.pem --out staging.cassette
  $ merlon serve --replay staging.cassette
  $ merlon diff staging.cassette model-repo               # does this repository answer the same?`,
    )
    .action(async (options: Options) => {
      const { target, targetHttp, deadline, ...rest } = options;
      const { record } = await import("../runtime/testing/recordings/record.js");
      const recording = await record({
        ...rest,
        ...targets(target, targetHttp),
        deadline: deadline * 1000,
        tls: readTls(options),
        warn: text => process.stderr.write(`warning: ${text}\n`),
      });
      // Before the line that invites a signal.
      const stopped = new Promise<void>(resolve => {
        for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
      });
      const { ports } = recording;
      const where = Object.entries(ports).map(
        ([name, number]) => `${name === "grpc" ? "gRPC" : "HTTP"} ${rest.address}:${number}`,
      );
      process.stdout.write(`Recording ${target} into ${rest.out}\n  ➜ ${where.join("\n  ➜ ")}\nCtrl-C ends it.\n`);
      await stopped;
      await recording.stop();
      const { kept, lost, fault } = recording;
      if (fault) throw new Error(`${rest.out} has ${kept} requests; ${lost} more were not recorded: ${fault.message}`);
      const serve = kept > 0 ? ` Serve them: merlon serve --replay ${rest.out}` : "";
      process.stdout.write(
        `${kept} requests are in ${rest.out}${lost > 0 ? `; ${lost} more were not recorded, for the reasons above` : ""}.${serve}\n`,
      );
      if (lost > 0) process.exitCode = 1;
    });

/** @throws Error naming the flag whose file can't be read, or that lacks its other half */
function readTls({ ca, cert, key, serverName, insecure, listenCert, listenKey }: Options): ProxyTls {
  const read = (flag: string, file: string): Buffer => readNamed(flag, file, path => readFileSync(path));
  if ((listenCert === undefined) !== (listenKey === undefined))
    throw new Error("--listen-cert and --listen-key go together: the certificate and its key, both as PEM");
  return {
    target: {
      ...(ca !== undefined && { ca: read("--ca", ca) }),
      ...(cert !== undefined && { cert: read("--cert", cert) }),
      ...(key !== undefined && { key: read("--key", key) }),
      ...(serverName !== undefined && { serverName }),
      ...(insecure && { verify: false }),
    },
    ...(listenCert !== undefined &&
      listenKey !== undefined && {
        listener: { cert: read("--listen-cert", listenCert), key: read("--listen-key", listenKey) },
      }),
  };
}

/** `host:8001` is gRPC, and HTTP is one port below unless it is named. */
function targets(target: string, http: string | undefined): { readonly grpc?: string; readonly http?: string } {
  if (/^https?:/.test(target)) return { http: target };
  const url = new URL(/^grpcs?:/.test(target) ? target : `grpc://${target}`);
  const number = Number(url.port || 8001);
  const below = `${url.protocol === "grpcs:" ? "https" : "http"}://${url.hostname}:${number - 1}`;
  return { grpc: `${url.protocol}//${url.hostname}:${number}`, http: http ?? below };
}
