// A worker that is bound by the page's Content-Security-Policy. One whose script is a blob inherits it, one of a URL has that of its response. A shared
// link carries code of a stranger, which must reach no other host.

/** @param {URL} url of a module */
export function startWorker(url, name) {
  const blob = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" }));
  return new Worker(blob, { type: "module", name });
}
