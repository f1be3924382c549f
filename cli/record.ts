/**
 * `merlon record`: stands between clients and a server and writes a cassette, until it is stopped.
 */
import { Command, InvalidArgumentError } from "commander";

interface Options {
  readonly target: string;
  readonly targetHttp?: string;
  readonly out: string;
  readonly address: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly mask: readonly string[];
}

const port = (text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 16) return value;
  throw new InvalidArgumentError("A port is a number from 0 to 65535; 0 takes a free one.");
};

export const recordCommand = (): Command =>
  new Command("record")
    .description("Stand between clients and a server, and keep what goes by in a cassette")
    .requiredOption(
      "--target <url>",
      "the server: host:8001 or grpc://… for gRPC (HTTP is then expected one port below), http://… for HTTP alone",
    )
    .option("--target-http <url>", "the server's HTTP port, where it is not one below")
    .option("--out <file>", "the cassette", "recording.cassette")
    .option("--address <ip>", "where to listen", "127.0.0.1")
    .option("--grpc-port <port>", "0 takes a free one", port, 0)
    .option("--http-port <port>", "0 takes a free one", port, 0)
    .option("--mask <headers...>", "further headers whose values are secrets", [])
    .addHelpText(
      "after",
      `
Authorization headers, cookies, and whatever looks like a token or key are masked. Tensors are kept whole.

  $ merlon record --target triton.staging:8001 --out staging.cassette --grpc-port 9001 --http-port 9000
  $ my-service --triton 127.0.0.1:9001                    # then Ctrl-C
  $ merlon serve --replay staging.cassette
  $ merlon diff staging.cassette model-repo               # does this repository answer the same?`,
    )
    .action(async ({ target, targetHttp, ...rest }: Options) => {
      const { record } = await import("../runtime/cassettes/record.js");
      const recording = await record({
        ...rest,
        ...targets(target, targetHttp),
        warn: text => process.stderr.write(`merlon record: ${text}\n`),
      });
      const { ports } = recording;
      const where = Object.entries(ports).map(
        ([name, number]) => `${name === "grpc" ? "gRPC" : "HTTP"} ${rest.address}:${number}`,
      );
      process.stdout.write(`Recording ${target} into ${rest.out}\n  ➜ ${where.join("\n  ➜ ")}\nCtrl-C ends it.\n`);
      await new Promise<void>(resolve => {
        for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
      });
      await recording.stop();
      process.stdout.write(
        `${recording.count} requests are in ${rest.out}. Serve them: merlon serve --replay ${rest.out}\n`,
      );
    });

/** `host:8001` is gRPC, and HTTP is one port below unless it is named. */
function targets(target: string, http: string | undefined): { readonly grpc?: string; readonly http?: string } {
  if (/^https?:/.test(target)) return { http: target };
  const url = new URL(/^grpcs?:/.test(target) ? target : `grpc://${target}`);
  const number = Number(url.port || 8001);
  const below = `${url.protocol === "grpcs:" ? "https" : "http"}://${url.hostname}:${number - 1}`;
  return { grpc: `${url.protocol}//${url.hostname}:${number}`, http: http ?? below };
}
