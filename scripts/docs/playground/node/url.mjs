// `node:url` for file: URLs of POSIX paths.
export const pathToFileURL = path => {
  const url = new URL("file:///");
  url.pathname = path.replaceAll("%", "%25");
  return url;
};
export const fileURLToPath = url => decodeURIComponent(new URL(url).pathname);
export const URL = globalThis.URL;
export default { pathToFileURL, fileURLToPath, URL };
