// `npm run notice`: writes NOTICE, which has the licenses of the packages whose code the bundle contains, after `npm run bundle`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DIST, manifestOf, ROOT } from "./bundling.mjs";

/** Packages without a file of their license: that of the project's repository. */
const ELSEWHERE = {
  "onnxruntime-common": `MIT License

Copyright (c) 2018 - present Microsoft Corporation

${permission()}`,
};

/** The text of the MIT license below its copyright, from a package that has it. */
function permission() {
  const text = readFileSync(join(ROOT, "node_modules", "zod", "LICENSE"), "utf8");
  return text.slice(text.indexOf("Permission is hereby granted"));
}

function licenseOf(folder, name) {
  const file = readdirSync(folder).find(one => /^(licen[cs]e|copying)(\.\w+)?$/i.test(one));
  if (file) return readFileSync(join(folder, file), "utf8");
  if (Object.hasOwn(ELSEWHERE, name)) return ELSEWHERE[name];
  throw new Error(
    `the package ${name}, which is in the bundle, has no file with its license: add its text to scripts/notice.mjs`,
  );
}

/**
 * @param {readonly string[]} folders of packages
 * @param {string} where which files contain their code
 */
export function noticeText(folders, where) {
  const sections = folders.map(folder => {
    const { name, license } = manifestOf(folder);
    const notice = join(folder, "NOTICE");
    const texts = [licenseOf(folder, name), ...(existsSync(notice) ? [readFileSync(notice, "utf8")] : [])];
    return [`${"-".repeat(80)}\n${name} (${license})`, ...texts.map(text => text.replaceAll("\r", "").trim())].join(
      "\n\n",
    );
  });
  const head = `Merlon\nCopyright 2026 Merlon contributors\n\nLicensed under the Apache License, Version 2.0; see LICENSE.\n`;
  if (sections.length === 0) return head;
  return `${head}\n${where} contain code of the packages below.\n\n${sections.join("\n\n")}\n`;
}

/** NOTICE of the package `merlon`. */
export const ownNotice = () =>
  noticeText(
    JSON.parse(readFileSync(join(DIST, "bundle", "packages.json"), "utf8")).map(folder => join(ROOT, folder)),
    "dist/bundle and dist/bin",
  );

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(ROOT, "NOTICE"), ownNotice());
