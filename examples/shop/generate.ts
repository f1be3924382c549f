/**
 * Writes monthly event files in the published format of REES46's "eCommerce behavior data from multi category store":
 * (folder, seed, scale) → `2019-Oct.csv` … `2020-Apr.csv`. The same seed and scale give the same bytes.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Catalogue, catalogue, type Product } from "./catalogue.js";
import { type Customer, customer, DAYS, liking } from "./customers.js";
import { cumulate, pick, type Random, random } from "./random.js";

export const MONTHS = ["2019-Oct", "2019-Nov", "2019-Dec", "2020-Jan", "2020-Feb", "2020-Mar", "2020-Apr"] as const;
export const HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";

export interface GenerateOptions {
  readonly folder: string;
  readonly seed?: number;
  /** 1 is 1,200 customers, 900 products and some 80,000 events. */
  readonly scale?: number;
}

export interface Generated {
  readonly files: readonly string[];
  readonly customers: number;
  readonly products: number;
  readonly events: number;
}

type EventType = "view" | "cart" | "remove_from_cart" | "purchase";
interface Event {
  /** Seconds since 1970. */
  readonly time: number;
  readonly type: EventType;
  readonly product: number;
  readonly user: number;
  readonly session: string;
}

const START = Date.UTC(2019, 9, 1) / 1000;

export function generate({ folder, seed = 2019, scale = 1 }: GenerateOptions): Generated {
  const shop = catalogue(seed, Math.max(40, Math.round(900 * scale)));
  const customers = Math.max(4, Math.round(1200 * scale));
  const events: Event[] = [];
  for (let i = 0; i < customers; i++) events.push(...visits(seed, i, customer(seed, i, shop), shop));
  // Ties stay in the order of customers, so the order is one.
  events.sort((a, b) => a.time - b.time);

  mkdirSync(folder, { recursive: true });
  const months = new Map<string, string[]>(MONTHS.map(month => [month, [HEADER]]));
  for (const event of events) months.get(MONTHS[monthOf(event.time)]!)!.push(line(event, shop));
  const files = [...months].map(([month, lines]) => {
    const file = join(folder, `${month}.csv`);
    writeFileSync(`${file}.partial`, `${lines.join("\n")}\n`);
    renameSync(`${file}.partial`, file);
    return file;
  });
  return { files, customers, products: shop.products.length, events: events.length };
}

/** Everything one customer does in seven months. */
function visits(seed: number, index: number, who: Customer, shop: Catalogue): Event[] {
  const rng = random(seed, "visits", index);
  const shelf = shelves(who, shop);
  const owned = new Set<number>();
  const events: Event[] = [];
  for (let day = who.since; day < DAYS; day++) {
    if (rng.next() >= who.activity) continue;
    // Most people shop in the evening.
    const hour = (19 + Math.round(3.5 * rng.normal()) + 24) % 24;
    const start = START + day * 86400 + hour * 3600 + rng.below(3600);
    for (const event of visit(who, start, shelf, owned, shop, rng))
      if (event.time < START + DAYS * 86400) events.push(event);
  }
  return events;
}

/** One session: looks around in a category or two, fills a cart, buys some of it or none. */
function* visit(
  who: Customer,
  start: number,
  shelf: (category: number) => Float64Array,
  owned: Set<number>,
  shop: Catalogue,
  rng: Random,
): Iterable<Event> {
  const session = uuid(rng);
  let time = start;
  const event = (type: EventType, product: number): Event => ({ time, type, product, user: who.id, session });
  const cart = new Set<number>();
  let category = pick(who.interests, rng);
  const views = 1 + rng.geometric(4.2);
  for (let i = 0; i < views; i++) {
    if (rng.next() < 0.12) category = pick(who.interests, rng);
    const product = shop.categories[category]!.products[pick(shelf(category), rng)]!;
    // Few people look again at products that they own.
    if (owned.has(product) && rng.next() < 0.9) continue;
    time += 10 + rng.below(150);
    yield event("view", product);
    const wanted = liking(who, shop.products[product]!);
    if (!cart.has(product) && rng.next() < logistic(-1.5 + 0.4 * wanted)) {
      time += 5 + rng.below(60);
      cart.add(product);
      yield event("cart", product);
    }
  }
  for (const product of cart) {
    time += 20 + rng.below(120);
    if (rng.next() < buys(who, shop.products[product]!)) {
      owned.add(product);
      yield event("purchase", product);
    } else if (rng.next() < 0.3) yield event("remove_from_cart", product);
  }
}

/** The probability that a product in the cart is paid for: its brand and price must fit, and so must its category. */
function buys(who: Customer, product: Product): number {
  const fit = liking(who, product);
  const known = who.favouriteCategories.has(product.category) ? 1 : -1;
  return logistic(-2.2 + 2 * fit + known + who.resolve);
}

/** Running weights of a category's products for one customer, made when first needed. */
function shelves(who: Customer, shop: Catalogue): (category: number) => Float64Array {
  const made = new Map<number, Float64Array>();
  return category => {
    let weights = made.get(category);
    if (!weights) {
      const offer = shop.categories[category]!.products.map(i => shop.products[i]!);
      weights = cumulate(offer.map(product => product.popularity * Math.exp(0.8 * liking(who, product))));
      made.set(category, weights);
    }
    return weights;
  };
}

function line({ time, type, product, user, session }: Event, { products, categories }: Catalogue): string {
  const { id, category, brand, price } = products[product]!;
  const { id: categoryId, code } = categories[category]!;
  const stamp = new Date(time * 1000).toISOString();
  return `${stamp.slice(0, 10)} ${stamp.slice(11, 19)} UTC,${type},${id},${categoryId},${code},${brand},${price.toFixed(2)},${user},${session}`;
}

function monthOf(time: number): number {
  const date = new Date(time * 1000);
  return (date.getUTCFullYear() - 2019) * 12 + date.getUTCMonth() - 9;
}

/** A version 4 UUID. */
function uuid(rng: Random): string {
  const hex = [0, 1, 2, 3].map(() => rng.bits().toString(16).padStart(8, "0")).join("");
  const variant = (8 + (Number.parseInt(hex[16]!, 16) & 3)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
