// A shop's page with @segment/analytics-next: the key and the API's URL are all that a shop changes.
import { AnalyticsBrowser } from "@segment/analytics-next";

window.start = (key, apiHost) => {
  const settings = { apiKey: key, apiHost, protocol: "http" };
  window.analytics = AnalyticsBrowser.load({
    writeKey: key,
    cdnSettings: { integrations: { "Segment.io": settings } },
  });
  return window.analytics.user().then((user) => user.anonymousId());
};

window.visit = async (customer) => {
  const { analytics } = window;
  await analytics.page("Docs", "Home", { theme: "dark" });
  await analytics.track("Product Viewed", { sku: "crowbar" });
  await analytics.identify(customer, { email: `${customer}@x.y`, first_name: "Gordon" });
  await analytics.track("Order Completed", { revenue: 10.5 });
  await analytics.group(`${customer}-mesa`, { name: "Black Mesa" });
  await analytics.screen("Cart");
  await analytics.alias(customer);
};

window.logout = async () => {
  await window.analytics.reset();
  return (await window.analytics.user()).anonymousId();
};
