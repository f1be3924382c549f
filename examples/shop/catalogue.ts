/**
 * The shop's assortment: (seed, number of products) → products with category, brand, price and popularity.
 */
import { type Random, random } from "./random.js";

export interface Category {
  /** Beyond 2^53, as in the published files: must stay text or int64. */
  readonly id: string;
  /** `electronics.audio.headphone`; empty for about one category in six. */
  readonly code: string;
  readonly products: readonly number[];
}

export interface Product {
  readonly id: number;
  readonly category: number;
  /** Empty for products without a brand. */
  readonly brand: string;
  readonly price: number;
  /** The position of the price in its category: 0 is the cheapest, 1 the dearest. */
  readonly level: number;
  readonly popularity: number;
}

export interface Catalogue {
  readonly categories: readonly Category[];
  readonly products: readonly Product[];
}

/** Code, usual price, share of the assortment, and brands from cheap to dear. */
const LINES: readonly (readonly [code: string, price: number, share: number, brands: string])[] = [
  ["electronics.smartphone", 260, 12, "prestigio xiaomi huawei oppo samsung apple"],
  ["electronics.audio.headphone", 60, 9, "defender jbl sony marshall apple"],
  ["electronics.video.tv", 380, 6, "artel haier tcl samsung lg sony"],
  ["electronics.clocks", 150, 6, "casio amazfit orient samsung apple tissot"],
  ["electronics.tablet", 230, 4, "prestigio lenovo huawei samsung apple"],
  ["computers.notebook", 620, 7, "acer lenovo hp asus dell apple"],
  ["computers.peripherals.mouse", 28, 4, "defender hp logitech razer"],
  ["computers.peripherals.printer", 170, 3, "canon hp epson brother"],
  ["computers.components.videocards", 300, 3, "palit gigabyte msi asus"],
  ["appliances.kitchen.washer", 320, 5, "artel indesit beko samsung lg bosch"],
  ["appliances.kitchen.refrigerators", 430, 5, "artel indesit atlant samsung lg bosch"],
  ["appliances.kitchen.kettle", 35, 4, "polaris redmond tefal philips smeg"],
  ["appliances.environment.vacuum", 130, 5, "artel redmond samsung bosch dyson"],
  ["appliances.environment.air_heater", 60, 3, "almacom oasis electrolux ballu"],
  ["appliances.personal.hair_cutter", 45, 3, "polaris remington philips braun"],
  ["auto.accessories.player", 95, 3, "alphard pioneer kenwood alpine"],
  ["furniture.living_room.sofa", 310, 3, "brw lucente dominotoys askona"],
  ["furniture.bedroom.bed", 280, 3, "brw lucente askona tempur"],
  ["apparel.shoes", 70, 5, "respect baden ecco salamander"],
  ["apparel.shoes.keds", 55, 4, "adidas puma nike newbalance"],
  ["kids.carriage", 190, 3, "lorelli peg-perego chicco cybex"],
  ["kids.toys", 25, 3, "hasbro playmobil lego"],
  ["construction.tools.drill", 110, 3, "interskol makita bosch hilti"],
  ["sport.bicycle", 260, 3, "stels stark giant trek"],
  ["", 45, 5, "cersanit sokolov triol elari"],
  ["", 18, 4, "tescoma berghoff joseph"],
  ["", 90, 4, "yamaha korg fender"],
  ["", 12, 4, "nivea loreal weleda"],
];

/** Part of the products that carry no brand. */
const UNBRANDED = 0.06;

export function catalogue(seed: number, count: number): Catalogue {
  const rng = random(seed, "catalogue");
  const shares = LINES.reduce((sum, [, , share]) => sum + share, 0);
  const ranks = shuffled(count, rng);
  const products: Product[] = [];
  let id = 1002524;
  const categories = LINES.map(([code, , share], c): Category => {
    const last = c === LINES.length - 1;
    const size = last ? count - products.length : Math.max(1, Math.round((count * share) / shares));
    const first = products.length;
    for (const product of assortment(c, Math.min(size, count - products.length), rng)) {
      id += 1 + rng.below(47000);
      products.push({ ...product, id, popularity: 1 / (12 + ranks[products.length]!) ** 0.9 });
    }
    return {
      id: `20530135${53_000_000_000 + rng.below(1_200_000_000)}`,
      code,
      products: range(first, products.length),
    };
  });
  return { categories: categories.filter(c => c.products.length > 0), products };
}

function* assortment(category: number, size: number, rng: Random): Iterable<Omit<Product, "id" | "popularity">> {
  const [, usual, , text] = LINES[category]!;
  const brands = text.split(" ");
  for (let i = 0; i < size; i++) {
    const tier = rng.below(brands.length);
    const level = Math.min(1, Math.max(0, (tier + 0.5) / brands.length + 0.16 * rng.normal()));
    const price = usual * Math.exp(1.5 * (level - 0.5) + 0.1 * rng.normal());
    const brand = rng.next() < UNBRANDED ? "" : brands[tier]!;
    yield { category, brand, price: Math.max(0.77, Math.round(price * 100) / 100), level };
  }
}

function shuffled(n: number, rng: Random): number[] {
  const order = range(0, n);
  for (let i = n - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
