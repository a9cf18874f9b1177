// A backend's calls with @segment/analytics-node, which sends each of them by itself.
const { Analytics } = require("@segment/analytics-node");
const { url, key, session, customer } = JSON.parse(process.argv[1]);

(async () => {
  const analytics = new Analytics({ writeKey: key, host: url, flushAt: 1 });
  const failed = [];
  analytics.on("error", (error) => failed.push(String(error.reason)));
  analytics.track({ anonymousId: session, event: "Product Viewed", properties: { sku: "crowbar" } });
  analytics.identify({ userId: customer, anonymousId: session, traits: { email: `${customer}@x.y`, first_name: "Gordon" } });
  analytics.track({ userId: customer, event: "Order Completed", properties: { revenue: 10.5 } });
  analytics.page({ userId: customer, anonymousId: session, name: "Home" });
  analytics.group({ userId: customer, groupId: "mesa", traits: { name: "Black Mesa" } });
  analytics.alias({ userId: customer, previousId: `${session}-tablet` });
  analytics.track({ anonymousId: `${session}-tablet`, event: "Product Clicked" });
  await analytics.closeAndFlush();
  console.log(JSON.stringify({ failed }));
})();
