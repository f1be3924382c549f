/**
 * Checks the machine and Node.
 */
import { availableParallelism, cpus, totalmem } from "node:os";
import { cpuQuota } from "../../runtime/base/control-group.js";
import { ownDescriptors, RAISE_DESCRIPTORS } from "../../runtime/base/descriptors.js";
import { defaultMemoryLimit } from "../../runtime/base/memory/memory-limit.js";
import { allowedProcessors, printProcessors } from "../../runtime/base/processors.js";
import { isPatchedNode, NODE_FLOORS } from "../../runtime/base/version-floors.js";
import type { Finding } from "./finding.js";

const GIB = 2 ** 30;
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(1)} GiB`;

export const machineFindings = (): readonly Finding[] => [system(), cores(), memory(), ...descriptors(), node()];

function system(): Finding {
  const glibc = glibcVersion();
  const details = { platform: process.platform, arch: process.arch, ...(glibc !== undefined && { glibc }) };
  const common = { section: "machine", name: "system", details } as const;
  const found = `${process.platform} ${process.arch}`;
  if (process.platform !== "linux") return { ...common, state: "ok", found };
  if (glibc !== undefined) return { ...common, state: "ok", found: `${found}, glibc ${glibc}` };
  const fix = "native parts need glibc: take an image of Debian or Ubuntu, such as node:24-trixie-slim";
  return { ...common, state: "broken", found: `${found}, no glibc`, fix };
}

function glibcVersion(): string | undefined {
  // Without this a report looks up the names of open connections.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

function cores(): Finding {
  const machine = cpus();
  const usable = availableParallelism();
  const quota = cpuQuota();
  const allowed = allowedProcessors();
  const parts = [
    `${machine.length}${machine[0]?.model.trim() ? ` × ${machine[0].model.trim()}` : ""}`,
    ...(usable < machine.length
      ? [`${usable} for this process${allowed ? ` (${printProcessors(allowed)})` : ""}`]
      : []),
    ...(quota === undefined ? [] : [`the control group allows ${Number(quota.toFixed(2))}`]),
  ];
  const details = {
    ...{ machine: machine.length, usable },
    ...(allowed && { processors: printProcessors(allowed) }),
    ...(quota !== undefined && { controlGroup: quota }),
  };
  return { section: "machine", name: "cores", state: "ok", found: parts.join("; "), details };
}

function memory(): Finding {
  const machine = totalmem();
  const constrained = process.constrainedMemory();
  const limit = defaultMemoryLimit();
  const limited = constrained > 0 && constrained < machine;
  const parts = [
    gib(machine),
    ...(limited ? [`the control group allows ${gib(constrained)}`] : []),
    `--memory-limit ${gib(limit)} by default`,
  ];
  const details = { machine, ...(limited && { controlGroup: constrained }), memoryLimit: limit };
  return { section: "machine", name: "memory", state: "ok", found: parts.join("; "), details };
}

/** Fewer than these limit the connections of a port. */
const ENOUGH_DESCRIPTORS = 16_384;

function descriptors(): readonly Finding[] {
  const own = ownDescriptors();
  if (!own) return [];
  const { limit, reserve } = own;
  const found = `${limit}; ${reserve} are kept for files and models, and clients may have the others as connections`;
  const fix = limit < ENOUGH_DESCRIPTORS ? RAISE_DESCRIPTORS : undefined;
  return [{ section: "machine", name: "descriptors", state: "ok", found, fix, details: { limit, reserve } }];
}

function node(): Finding {
  const { version } = process;
  const patched = isPatchedNode(version);
  const common = { section: "machine", name: "node", details: { version, patched } } as const;
  if (patched) return { ...common, state: "ok", found: version };
  const fix = `install ${NODE_FLOORS.join(" or ")}, or newer releases of these lines`;
  return { ...common, state: "broken", found: `${version}, without the security fixes that a server needs`, fix };
}
