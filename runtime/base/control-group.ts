/**
 * Reads the CPU quota of the process's control groups (v1 and v2).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of the kernel's files; tests have others. */
export interface KernelFiles {
  readonly proc: string;
  readonly cgroups: string;
}

export const KERNEL_FILES: KernelFiles = { proc: "/proc", cgroups: "/sys/fs/cgroup" };

/** @returns undefined for a file that is not there or can't be read */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** @returns cores, the least of the process's group and those around it; undefined without a quota */
export function cpuQuota({ proc, cgroups }: KernelFiles = KERNEL_FILES): number | undefined {
  const quotas = (readText(join(proc, "self/cgroup")) ?? "").split("\n").flatMap(line => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === "") return foldersOf(path).map(folder => quotaV2(join(cgroups, folder)));
    if (!controllers!.split(",").includes("cpu")) return [];
    return foldersOf(path).map(folder => quotaV1(join(cgroups, "cpu", folder)));
  });
  const least = Math.min(...quotas.filter(quota => quota !== undefined));
  return Number.isFinite(least) ? least : undefined;
}

/** `/a/b` → the root, `a` and `a/b`. A container sees its own group as the root, whatever its path says. */
function foldersOf(path: string): string[] {
  const names = path.split("/").filter(name => name !== "" && name !== "..");
  return ["", ...names.map((_, i) => names.slice(0, i + 1).join("/"))];
}

const ratio = (quota: string | undefined, period: string | undefined): number | undefined => {
  const cores = Number(quota) / Number(period);
  return cores > 0 && Number.isFinite(cores) ? cores : undefined;
};

function quotaV2(folder: string): number | undefined {
  const [quota, period] = readText(join(folder, "cpu.max"))?.split(/\s+/) ?? [];
  return ratio(quota, period);
}

const quotaV1 = (folder: string): number | undefined =>
  ratio(readText(join(folder, "cpu.cfs_quota_us")), readText(join(folder, "cpu.cfs_period_us")));
