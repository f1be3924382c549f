/** The pages by kind, in reading order. `tests/docs/site.test.ts` fails if one is missing. */
export const NAVIGATION = [
  {
    title: "Guides",
    pages: [
      "guides/features.md",
      "guides/deploy.md",
      "guides/stock-triton.md",
      "guides/testing.md",
      "guides/editors.md",
      "guides/leaving-merlin.md",
    ],
  },
  {
    title: "Reference",
    pages: [
      "reference/language.md",
      "reference/client.md",
      "reference/bloom-filters.md",
      "reference/nvtabular-parity.md",
    ],
  },
  { title: "Project", pages: ["releasing.md"] },
];
