/** The page's script: connects the parts. The model and the tab that are shown are in the address. */
import { say, send } from "./answer.js";
import { at, element } from "./elements.js";
import { clearForm, fillForm, readForm, showForm } from "./form.js";
import { showHistory, showTotals } from "./overview.js";
import { loadPicture, showFigures, showPicture } from "./picture.js";
import {
  beginOpening,
  findOwn,
  followRequests,
  forgetRequests,
  listenToRequests,
  openRequest,
  openStage,
  showList,
} from "./requests.js";
import { call, followEvents, pathName } from "./server-calls.js";
import { type Counts, type Metadata, state } from "./state.js";
import { showList as showCandidateList, why } from "./story.js";
import { currentTab, listenToTabs, readPlace, showTab, writePlace } from "./tabs.js";

let drawn = "";

/** Shows the failure of work that is not awaited. */
function shown(work: Promise<void>): void {
  work.catch((error: Error) => {
    // While the server is away, its state says so.
    if (!(error instanceof TypeError)) say(error.message, "bad");
  });
}

function live(text: string, kind: "good" | "bad"): void {
  if (at("live").textContent !== text) at("live").textContent = text;
  at("live").className = kind;
}

function receive(now: Counts): void {
  if (now.error !== undefined) {
    live(`the server does not respond: ${now.error}`, "bad");
    return;
  }
  const restarted = state.counts !== undefined && state.counts.server !== now.server;
  state.counts = now;
  live("live", "good");
  if (restarted) {
    forgetRequests();
    drawn = "";
  }
  showModels(restarted);
  showTotals();
  showFigures();
  shown(showHistory());
  shown(followRequests(now.newest, now.unseen));
}

/** @param again whether the model that is shown may be another by now */
function showModels(again: boolean): void {
  const { models } = state.counts!;
  const names = models.map(({ name, state, reason }) => `${name} ${state} ${reason}`).join("\n");
  if (names === drawn) return;
  drawn = names;
  at("models").replaceChildren(
    ...models.map(({ name, state: now = "UNAVAILABLE", reason = "" }) => {
      const made = element(
        "button",
        name,
        { type: "button", title: reason, "aria-current": String(state.model === name) },
        element("span", now, { class: now }),
      );
      made.addEventListener("click", () => go({ model: name }));
      return made;
    }),
  );
  const wanted = state.model ?? readPlace().model;
  const known = models.find(({ name }) => name === wanted) ?? models.find(one => one.state === "READY");
  if (known && (known.name !== state.model || again)) shown(choose(known.name));
  if (known?.name !== wanted && wanted !== undefined && state.model === undefined)
    say(`There is no model "${wanted}".`, "bad");
}

/** Tabs whose address names the open request. */
const OF_REQUEST: readonly string[] = ["graph", "requests", "why"];

/** To another tab, model or request, and the address with it. */
function go(to: { readonly tab?: string; readonly model?: string; readonly request?: number }): void {
  const { tab = currentTab(), model = state.model } = to;
  const open = to.model === undefined && OF_REQUEST.includes(tab) ? state.request?.id : undefined;
  const request = to.request ?? open;
  writePlace({ tab, ...(model !== undefined && { model }), ...(request !== undefined && { request }) });
  follow();
}

/** Shows what the address names. */
function follow(): void {
  const { tab, model, request } = readPlace();
  showTab(tab);
  if (model !== undefined && model !== state.model && state.counts) shown(choose(model));
  if (request !== undefined && request !== state.request?.id) shown(openRequest(request));
  if (state.counts) shown(showHistory());
}

async function choose(name: string): Promise<void> {
  state.model = name;
  at("name").textContent = name;
  for (const one of at("models").children)
    one.setAttribute("aria-current", String(one.firstChild?.textContent === name));
  const { tab, request } = readPlace();
  writePlace({ tab, model: name, ...(request !== undefined && { request }) }, true);
  const path = pathName(name);
  // Until its inputs are known nothing can be typed: the form of the model before would be replaced with the text in it.
  if (state.metadata?.name !== name) {
    state.metadata = undefined;
    clearForm();
  }
  const [got, svg] = await Promise.all([
    path === undefined ? undefined : call(`/v2/models/${path}`),
    loadPicture(name),
  ]);
  const text = got ? await got.text() : `no path of HTTP can carry the name "${name}": gRPC can`;
  const metadata = got?.ok ? (JSON.parse(text) as Metadata) : undefined;
  // Another was chosen meanwhile.
  if (state.model !== name) return;
  const other = state.metadata?.name !== name;
  state.metadata = metadata;
  at("docs").setAttribute("href", `/v2/models/${path ?? ""}/docs`);
  showPicture(svg, metadata);
  showTotals();
  showList();
  if (other) {
    at("answer").replaceChildren();
    say("Nothing was sent yet.", "soft");
  }
  if (metadata) showForm(metadata);
  else {
    clearForm();
    say(text, "bad");
  }
}

async function sendForm(): Promise<void> {
  const { metadata } = state;
  if (!metadata) return;
  const id = `page-${Math.random().toString(36).slice(2, 10)}`;
  const request = readForm(metadata, id, mistake => say(mistake, "bad"));
  if (!request) return;
  const turn = beginOpening();
  await send(metadata.name, request).catch((error: Error) => say(`the server is away: ${error.message}`, "bad"));
  const own = await findOwn(id);
  if (own !== undefined) await openRequest(own, turn);
}

at("form").addEventListener("submit", event => {
  event.preventDefault();
  shown(sendForm());
});
document.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && currentTab() === "try") shown(sendForm());
  else if (event.key === "Enter" && event.target === at("candidate")) why();
});
at("why").addEventListener("click", why);
at("outcome").addEventListener("change", () => showCandidateList());
at("scope").addEventListener("change", () => shown(showHistory()));
at("figures").addEventListener("change", showFigures);

function openCard(target: EventTarget | null): void {
  const step = (target as Element).closest<SVGElement>(".card")?.dataset.step;
  if (step === undefined || !state.request) return;
  go({ tab: "requests", request: state.request.id });
  openStage(step);
}
at("canvas").addEventListener("click", event => openCard(event.target));
at("canvas").addEventListener("keydown", event => {
  if (event.key !== "Enter" && event.key !== " ") return;
  if ((event.target as Element).closest(".card")) event.preventDefault();
  openCard(event.target);
});

listenToTabs(tab => go({ tab }));
listenToRequests(
  id => go({ tab: "requests", request: id }),
  request => {
    shown(
      (state.model === request.model ? Promise.resolve() : choose(request.model)).then(() => {
        fillForm(request.inputs);
        go({ tab: "try", model: request.model });
      }),
    );
  },
);
window.addEventListener("popstate", follow);
window.addEventListener("hashchange", follow);
follow();
shown(
  followEvents(
    event => receive(event as Counts),
    () => live("the server is away; reconnecting every second", "bad"),
  ),
);
