// A worker in a process of its own: the options of `serve` as JSON; writes its ports to its parent.
const { serve } = await import(process.argv[2]);
const server = await serve({ ...JSON.parse(process.argv[3]), writeLog: () => {} });
process.send({ ports: server.ports });
process.once("message", async () => {
  await server.stop();
  process.exit(0);
});
process.once("disconnect", () => process.exit(1));
