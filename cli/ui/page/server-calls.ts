/**
 * Calls to the page's server. If APIs are restricted, the page shows fields for the missing keys and sends them with every later call. They
 * are kept until the page is closed, and nowhere else.
 */
import { at, element } from "./elements.js";

const keys: Record<string, string> = {};
let unlocking: Promise<void> | undefined;

/** A call with the keys; one that lacks some waits for them and is made again. */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const send = (): Promise<Response> =>
    fetch(path, { ...init, headers: { ...(init.headers as Record<string, string>), ...keys } });
  const got = await send();
  if (got.status !== 403 || (await missingKeys()).length === 0) return got;
  await unlock();
  return send();
}

async function missingKeys(): Promise<readonly string[]> {
  const got = await fetch("/access", { headers: keys });
  return got.ok ? ((await got.json()) as { missing: readonly string[] }).missing : [];
}

/** One form, however many calls wait for it. */
function unlock(): Promise<void> {
  unlocking ??= showFields().finally(() => {
    unlocking = undefined;
  });
  return unlocking;
}

async function showFields(): Promise<void> {
  const section = at("access");
  for (
    let missing = await missingKeys(), tried = false;
    missing.length > 0;
    missing = await missingKeys(), tried = true
  ) {
    const fields = missing.flatMap((name, i) => [
      element("label", name, { for: `key-${i}` }),
      element("input", "", { id: `key-${i}`, type: "password", "data-header": name, autocomplete: "off" }),
    ]);
    const note = tried
      ? "The server does not take these keys."
      : "This server restricts what the page shows. Give the values of these headers:";
    const form = at<HTMLFormElement>("keys");
    form.replaceChildren(
      element("p", note, tried ? { class: "bad" } : {}),
      ...fields,
      element("button", "Show", { type: "submit" }),
    );
    section.hidden = false;
    form.querySelector("input")!.focus();
    await new Promise<void>(done =>
      form.addEventListener(
        "submit",
        event => {
          event.preventDefault();
          for (const field of form.querySelectorAll("input")) keys[field.dataset.header!] = field.value;
          done();
        },
        { once: true },
      ),
    );
  }
  section.hidden = true;
}

/** A connection without an event for this time counts as lost. */
const SILENCE_MS = 10_000;
const AGAIN_MS = 1000;

/** The server's events, as long as the page is open. @param onAway is called when they end; they are tried again every second */
export async function followEvents(onEvent: (data: unknown) => void, onAway: () => void): Promise<never> {
  for (;;) {
    const silent = new AbortController();
    try {
      const got = await call("/events", { signal: silent.signal });
      let timer = setTimeout(() => silent.abort(), SILENCE_MS);
      const reader = got.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        text += next.value;
        const events = text.split("\n\n");
        text = events.pop()!;
        for (const event of events) onEvent(JSON.parse(event.replace(/^data: /, "")));
      }
      clearTimeout(timer);
    } catch {
      // The server is away.
    }
    onAway();
    await new Promise(done => setTimeout(done, AGAIN_MS));
  }
}

/** A name as the HTTP port takes it: as in Triton's, nothing in a path is decoded. Undefined for one that no path can carry. */
export const pathName = (name: string): string | undefined =>
  /^[-\w.~!$&'()*+,;=:@]+$/.test(name) && name !== "." && name !== ".." ? name : undefined;
