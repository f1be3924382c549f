/** The tabs, and the address of the current view: `#TAB/MODEL`, and `/ID` of the open request. */
import { at } from "./elements.js";

export interface Place {
  readonly tab: string;
  readonly model?: string;
  readonly request?: number;
}

const tabs = [...document.querySelectorAll<HTMLElement>('[role="tab"]')];
const nameOf = (tab: HTMLElement): string => tab.id.replace("tab-", "");
let shown = "overview";

export const currentTab = (): string => shown;

export function readPlace(): Place {
  const [tab = "", model, request] = location.hash.slice(1).split("/").map(decoded);
  return {
    tab: tabs.some(one => nameOf(one) === tab) ? tab : "overview",
    ...(model && { model }),
    ...(/^\d+$/.test(request ?? "") && { request: Number(request) }),
  };
}

/** A typed address may be invalid. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** @param replace leaves no entry in the browser's history */
export function writePlace({ tab, model, request }: Place, replace = false): void {
  const parts = [tab, ...(model === undefined ? [] : [model]), ...(request === undefined ? [] : [String(request)])];
  const hash = `#${parts.map(encodeURIComponent).join("/")}`;
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
}

export function showTab(name: string): void {
  shown = name;
  for (const tab of tabs) {
    const own = nameOf(tab) === name;
    tab.setAttribute("aria-selected", String(own));
    tab.tabIndex = own ? 0 : -1;
    at(`panel-${nameOf(tab)}`).hidden = !own;
  }
}

/** @param onChoice is called with the tab that the reader chose */
export function listenToTabs(onChoice: (tab: string) => void): void {
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => onChoice(nameOf(tab)));
    tab.addEventListener("keydown", event => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs.at(to % tabs.length)!;
      onChoice(nameOf(next));
      next.focus();
    });
  }
}
