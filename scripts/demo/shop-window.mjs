// Sends requests to the served recommender, and prints the responses in readable form: names, brands, prices and scores instead of ids.
import { join } from "node:path";
import { quote, withDuckdb } from "../../dist/examples/shop/parquet.js";
import { WORK } from "./stages.mjs";
import { bold, cyan, dim, green, heading, say, table } from "./terminal.mjs";

const SEED = 7;
const BATCH = 32;

/** @param url of the HTTP endpoint */
export async function openShop(url) {
  const { products, customers } = await readTables();
  const shown = customers.filter(c => c.shown);
  const product = id => products.get(Number(id)) ?? { name: `product ${id}`, brand: "", price: Number.NaN };

  /** Requests recommendations for users, with or without the time of each step. */
  async function ask(users, parameters = { seed: SEED }) {
    const inputs = [{ name: "user_id", datatype: "INT64", shape: [users.length, 1], data: users }];
    const response = await fetch(`${url}/v2/models/recommend/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs, parameters }),
    });
    // Triton writes NaN as it is, and so does Merlon: scores of a row that is shorter than the longest are padded with it.
    const answer = JSON.parse((await response.text()).replaceAll("NaN", "null"));
    if (!response.ok) throw new Error(`the server answered ${response.status}: ${answer.error}`);
    const column = name => {
      const { data, shape } = answer.outputs.find(output => output.name === name);
      return users.map((_, row) => data.slice(row * shape[1], (row + 1) * shape[1]));
    };
    return { ids: column("ordered_ids"), scores: column("ordered_scores"), parameters: answer.parameters ?? {} };
  }

  async function showCustomers() {
    for (const customer of shown) {
      const { ids, scores } = await ask([customer.id]);
      heading(`Customer ${customer.id}`);
      say(`  ${dim("bought before:")} ${counted(customer.bought.map(id => product(id).name))}`);
      const rows = ids[0].map((id, i) => [
        i + 1,
        id,
        product(id).name,
        product(id).brand || dim("none"),
        product(id).price.toFixed(2),
        scores[0][i].toFixed(3),
      ]);
      table([">#", ">product", "recommended", "brand", ">price", ">score"], rows);
    }
  }

  async function showBatch() {
    const users = shown.map(c => c.id);
    const together = await ask(users);
    const alone = [];
    for (const user of users) alone.push(...(await ask([user])).ids);
    heading(`All ${users.length} in one request`);
    table(
      ["customer", "first choices"],
      users.map((user, row) => [
        user,
        together.ids[row]
          .slice(0, 4)
          .map(id => product(id).name)
          .join(", "),
      ]),
    );
    if (JSON.stringify(alone) !== JSON.stringify(together.ids))
      throw new Error("the batch answers something else than one request per customer");
    say(`  ${green("✔")} the same answers as one by one: customers of a batch do not mix`);
  }

  async function showTimings() {
    const batch = customers.slice(0, BATCH).map(c => c.id);
    const [one, many] = [await timings([shown[0].id], 100), await timings(batch, 30)];
    heading("Where the time goes (median, milliseconds)");
    const ms = microseconds => (microseconds / 1000).toFixed(2);
    const rows = [...one.steps].map(([label, time]) => [label, ms(time), ms(many.steps.get(label) ?? 0)]);
    const sum = steps => ms([...steps.values()].reduce((a, b) => a + b, 0));
    rows.push(
      [dim("all steps"), sum(one.steps), sum(many.steps)],
      [bold("request, over HTTP"), bold(ms(one.whole)), bold(ms(many.whole))],
    );
    table(["step", ">one customer", `>${BATCH} customers`], rows);
  }

  async function timings(users, requests) {
    const steps = new Map();
    const whole = [];
    for (let i = -10; i < requests; i++) {
      const started = performance.now();
      const { parameters } = await ask(users, { seed: SEED, timings: true });
      if (i < 0) continue; // the first ones warm up
      whole.push((performance.now() - started) * 1000);
      for (const [name, time] of Object.entries(parameters)) {
        const label = /^timing\.(.*)$/.exec(name)?.[1];
        if (label) steps.set(label, [...(steps.get(label) ?? []), Number(time)]);
      }
    }
    return { whole: median(whole), steps: new Map([...steps].map(([label, times]) => [label, median(times)])) };
  }

  function showCommands(ports) {
    const user = shown[0].id;
    heading("Ask it yourself");
    say(dim("  # HTTP"));
    say(
      cyan(
        `  curl -s localhost:${ports.http}/v2/models/recommend/infer -d '{"inputs":[{"name":"user_id","datatype":"INT64","shape":[1,1],"data":[${user}]}]}'`,
      ),
    );
    say(dim("\n  # Triton's Python client (pip install 'tritonclient[all]')"));
    say(
      cyan(`  python3 - <<'END'
import numpy as np, tritonclient.grpc as triton
client = triton.InferenceServerClient("localhost:${ports.grpc}")
users = np.array([[${shown.map(c => c.id).join("], [")}]])
tensor = triton.InferInput("user_id", list(users.shape), "INT64")
tensor.set_data_from_numpy(users)
answer = client.infer("recommend", [tensor], parameters={"seed": ${SEED}})
print(answer.as_numpy("ordered_ids"), answer.as_numpy("ordered_scores"), sep="\\n")
END`),
    );
    say(dim("\n  # load (pip install perf-analyzer)"));
    say(
      cyan(
        `  echo '{"data":[{"user_id":[${user}]}]}' > user.json && perf_analyzer -m recommend -i grpc -u localhost:${ports.grpc} --input-data user.json --concurrency-range 1:8:7`,
      ),
    );
    say(dim("\n  # what is there, and how it is doing"));
    say(
      cyan(
        `  curl -s localhost:${ports.http}/v2/models/recommend/config\n  curl -s localhost:${ports.metrics}/metrics`,
      ),
    );
  }

  return { showCustomers, showBatch, showTimings, showCommands };
}

/** Products by id, and customers; three of them, with different tastes, are shown. */
async function readTables() {
  const file = name => `read_parquet(${quote(join(WORK, "data", "tables", `${name}.parquet`))})`;
  return withDuckdb(async connection => {
    const read = async query => (await connection.runAndReadAll(query)).getRowObjectsJS();
    const items = await read(`SELECT item_id, item_brand, item_category, item_price FROM ${file("items")}`);
    const users = await read(`
      SELECT user_id, purchased_ids, len(purchased_ids) BETWEEN 4 AND 7 AND favourite_category IS NOT NULL AS fit,
             fit AND row_number() OVER (PARTITION BY favourite_category, fit ORDER BY user_id) = 1 AS first
      FROM ${file("users")} ORDER BY user_id`);
    const chosen = new Set(users.filter(u => u.first).slice(0, 3));
    return {
      products: new Map(
        items.map(i => [
          Number(i.item_id),
          { name: nameOf(i.item_brand, i.item_category), brand: i.item_brand ?? "", price: i.item_price },
        ]),
      ),
      customers: users.map(u => ({ id: Number(u.user_id), bought: u.purchased_ids.map(Number), shown: chosen.has(u) })),
    };
  });
}

/** `lg`, `appliances.kitchen.washer` → `Lg washer`: the data has no names. */
function nameOf(brand, category) {
  const kind = category ? category.split(".").at(-1).replaceAll("_", " ") : "product";
  return brand ? `${brand[0].toUpperCase()}${brand.slice(1)} ${kind}` : kind;
}

/** `a, a, b` -> `a (2), b`. */
function counted(names) {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} (${count})` : name)).join(", ");
}

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
