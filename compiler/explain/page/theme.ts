/** Light or dark: the reader's system decides until the button (or `t`) does. */
const root = document.documentElement;
function change(): void {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}
document.getElementById("theme")!.addEventListener("click", change);
document.addEventListener("keydown", event => {
  const typing = (event.target as Element).closest("input, textarea, select");
  if (event.key === "t" && !typing && !event.ctrlKey && !event.metaKey) change();
});

export {};
