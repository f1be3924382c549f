/** Certificates of the gRPC port that expire, and that are replaced while the server runs. */
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import { followCertificates } from "#runtime/server/transport/grpc/certificates.js";
import { openTls } from "#runtime/server/transport/grpc/tls.js";
import { until } from "../../../run/wait.js";
import { makeCertificates } from "../../client/certificates.js";
import { repository, startServer } from "../support.js";
import { serveWorkers } from "../workers/served.js";

const DAY_MS = 86_400_000;
/** Its certificates are valid for two days. */
const made = mkdtempSync(join(tmpdir(), "merlon-certificates-"));
makeCertificates(made, ["first", "second"]);

/** A folder with the certificate and key that a server reads, and a way to replace them. */
function served() {
  const folder = mkdtempSync(join(tmpdir(), "merlon-served-certificate-"));
  const file = (name: string): string => join(folder, name);
  const replace = (from: string, names: readonly string[] = ["pem", "key"]): void => {
    for (const name of names) {
      copyFileSync(join(made, `${from}.${name}`), file("next"));
      renameSync(file("next"), file(`server.${name}`));
    }
  };
  replace("first");
  return { tls: { certificate: file("server.pem"), key: file("server.key") }, replace };
}

/** The name in the certificate that a new client gets. */
async function nameAt(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

test.each([
  [0, /^--grpc-server-cert '.*server.pem' expires at \S+: renew it/],
  [3, /^--grpc-server-cert '.*server.pem' expired at \S+: clients refuse it/],
  [-3, /^--grpc-server-cert '.*server.pem' is valid from \S+ only/],
])("%i days later there is a warning, and the days that are left", async (days, warning) => {
  const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + days * DAY_MS);
  onTestFinished(() => later.mockRestore());
  const warnings: string[] = [];
  const log = { info() {}, error() {}, warning: (_: string, text: string) => void warnings.push(text) };
  const certificates = followCertificates(await openTls(served().tls), { setSecureContext() {} }, log);
  onTestFinished(() => certificates.close());
  expect(
    warnings.find(text => warning.test(text)),
    warnings.join("\n"),
  ).toBeDefined();
  expect(certificates.daysLeft()).toBeCloseTo(2 - days, 1);
});

test("a replaced certificate is served without a call, and one that cannot be read changes nothing", async () => {
  const { tls, replace } = served();
  const server = await startServer(repository(["echo_int32"]), { grpcTls: tls });
  onTestFinished(() => server.stop());
  const port = server.ports.grpc!;
  expect(await nameAt(port)).toBe("first");
  const metrics = await (await fetch(`http://127.0.0.1:${server.ports.metrics}/metrics`)).text();
  expect(Number(/^merlon_tls_certificate_days_left (\S+)$/m.exec(metrics)?.[1])).toBeCloseTo(2, 1);
  replace("second");
  await until("the new one is served", async () => (await nameAt(port)) === "second");
  // The key of another certificate.
  replace("first", ["pem"]);
  await server.reload();
  writeFileSync(tls.key, "no PEM");
  await server.reload();
  expect(await nameAt(port)).toBe("second");
  expect(server.log.filter(line => line.includes("can't be used together"))).toHaveLength(1);
  replace("first", ["key"]);
  await server.reload();
  expect(await nameAt(port)).toBe("first");
});

test.each([1, 2])("SIGHUP does not end %i workers, and all of them read the certificate again", async workers => {
  const { tls, replace } = served();
  const flags = ["--grpc-use-ssl", "true", "--grpc-server-cert", tls.certificate, "--grpc-server-key", tls.key];
  const one = await serveWorkers(repository(["echo_int32"]), workers, flags);
  onTestFinished(() => one.stop().then(() => {}));
  const names = async (): Promise<readonly string[]> =>
    Promise.all(Array.from({ length: 2 * workers }, () => nameAt(one.grpc)));
  expect(new Set(await names())).toEqual(new Set(["first"]));
  replace("second");
  one.child.kill("SIGHUP");
  await until("all workers have the new one", async () => (await names()).every(name => name === "second"));
  expect((await one.call("GET", "/v2/health/ready")).status).toBe(200);
  expect(one.log().match(/read the certificate .* again/g)).toHaveLength(1);
  expect(readFileSync(tls.certificate, "utf8")).toBe(readFileSync(join(made, "second.pem"), "utf8"));
});
