// The results beside the editor. Texts of programs and files are set as text, never as markup.

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const sizeOf = bytes => (bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`);

/** @param go called with the diagnostic whose place was clicked */
export function showMessages(panel, diagnostics, ok, go) {
  const items = diagnostics.map(diagnostic => {
    const { code, severity, message, help, line, column, file } = diagnostic;
    const place = file ? `${file}:${line}:${column}` : `${line}:${column}`;
    return element(
      "li",
      {},
      element("button", {
        type: "button",
        textContent: place,
        disabled: file !== undefined,
        onclick: () => go(diagnostic),
      }),
      " ",
      element("strong", { className: severity, textContent: `${severity}[${code}]` }),
      ` ${message}`,
      element("div", { className: "help", textContent: help }),
    );
  });
  panel.replaceChildren(
    element("p", { className: "quiet", textContent: ok ? "The program compiles." : "The program does not compile." }),
    element("ol", {}, ...items),
  );
}

/** The explained graph is a page of its own, in a frame that can reach nothing of this one. */
export function showPage(panel, page) {
  if (!page) {
    panel.replaceChildren(element("p", { className: "quiet", textContent: "No graph: the program has errors." }));
    return;
  }
  const frame = element("iframe", { title: "Graph", srcdoc: page });
  frame.setAttribute("sandbox", "allow-scripts");
  panel.replaceChildren(frame);
}

/** @param instead text where there is no file */
export function showFiles(panel, files, instead) {
  if (files.length === 0) {
    panel.replaceChildren(element("p", { className: "quiet", textContent: instead }));
    return;
  }
  panel.replaceChildren(
    ...files.map(({ path, bytes, text }) => {
      const title = element(
        "summary",
        { textContent: `${path} ` },
        element("span", { className: "quiet", textContent: sizeOf(bytes) }),
      );
      if (text === undefined) return element("div", {}, element("code", { textContent: path }), ` ${sizeOf(bytes)}`);
      return element(
        "details",
        { open: files.length === 1 || path.endsWith("config.pbtxt") },
        title,
        element("pre", { textContent: text }),
      );
    }),
  );
}

export function showProblem(text) {
  document
    .getElementById("messages")
    .replaceChildren(
      element("p", { className: "error", textContent: "The compiler failed. This is a fault of the playground:" }),
      element("pre", { textContent: text }),
    );
}

/** Tabs by pointer and by arrow keys. @param onShown called with the panel that appears */
export function showTabs(list, onShown) {
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const select = chosen => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    }
    onShown(document.getElementById(chosen.getAttribute("aria-controls")));
  };
  for (const tab of tabs) tab.onclick = () => select(tab);
  list.onkeydown = ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs.at((tabs.indexOf(document.activeElement) + step) % tabs.length);
    select(next);
    next.focus();
  };
}
