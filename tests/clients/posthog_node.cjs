// A backend's calls with posthog-node. The visitor had an ID that nobody knew before the log-in.
const { PostHog } = require("posthog-node");
const { url, key, session, customer } = JSON.parse(process.argv[1]);

(async () => {
  const client = new PostHog(key, { host: url });
  const failed = [];
  client.on("error", (error) => failed.push(String(error)));
  const unknown = { $process_person_profile: false };
  client.capture({ distinctId: session, event: "Product Viewed", properties: { sku: "crowbar", ...unknown } });
  client.identify({ distinctId: customer, properties: { email: `${customer}@x.y`, first_name: "Gordon" } });
  client.alias({ distinctId: customer, alias: session });
  client.capture({ distinctId: customer, event: "Order Completed", properties: { revenue: 10.5 } });
  await client.shutdown();
  console.log(JSON.stringify({ failed }));
})();
