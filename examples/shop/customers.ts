/**
 * The shop's customers: their preferences, and the resulting score of a product.
 */
import type { Catalogue, Product } from "./catalogue.js";
import { cumulate, random } from "./random.js";

export interface Customer {
  readonly id: number;
  /** First possible day of the customer, counted from the first day of the data. */
  readonly since: number;
  /** Expected sessions a day. */
  readonly activity: number;
  /** Running weights over the catalogue's categories. */
  readonly interests: Float64Array;
  readonly favouriteCategories: ReadonlySet<number>;
  readonly favouriteBrands: ReadonlySet<string>;
  /** Preferred place in a category's price range, 0 to 1. */
  readonly level: number;
  /** Log-odds of the customer's own for buying a full cart. */
  readonly resolve: number;
}

/** Days of October 2019 to April 2020. */
export const DAYS = 213;

export function customer(seed: number, index: number, { categories, products }: Catalogue): Customer {
  const rng = random(seed, "customer", index);
  const level = Math.min(0.98, Math.max(0.02, 0.5 + 0.27 * rng.normal()));
  const favouriteCategories = new Set<number>();
  const wide = Math.min(categories.length, 1 + rng.below(3));
  while (favouriteCategories.size < wide) {
    // Through a product, so that wide categories have more friends.
    favouriteCategories.add(products[rng.below(products.length)]!.category);
  }
  const favouriteBrands = new Set<string>();
  for (const category of favouriteCategories) {
    const offer = categories[category]!.products.map(i => products[i]!).filter(p => p.brand !== "");
    if (offer.length === 0) continue;
    const near = offer.map(p => Math.exp(-(((p.level - level) / 0.2) ** 2)));
    const sums = cumulate(near);
    const at = rng.next() * sums.at(-1)!;
    favouriteBrands.add(
      offer[
        Math.max(
          0,
          sums.findIndex(sum => sum > at),
        )
      ]!.brand,
    );
  }
  const interests = cumulate(
    categories.map((c, i) => (favouriteCategories.has(i) ? 6 : 0.05) * (c.products.length / products.length + 0.02)),
  );
  // One customer in four is new: that is what makes April hold people no model has seen.
  const since = rng.next() < 0.75 ? 0 : rng.below(DAYS);
  return {
    id: 512300000 + index * 37 + rng.below(37),
    since,
    activity: 0.052 * Math.exp(0.8 * rng.normal()),
    interests,
    favouriteCategories,
    favouriteBrands,
    level,
    resolve: 0.4 * rng.normal(),
  };
}

/** How much a customer is drawn to a product: 0 is indifferent, positive is drawn, negative is put off. */
export function liking(customer: Customer, product: Product): number {
  const brand = customer.favouriteBrands.has(product.brand) ? 1.8 : 0;
  const price = -6 * (product.level - customer.level) ** 2;
  return brand + price;
}
