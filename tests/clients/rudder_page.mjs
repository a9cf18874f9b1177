// A shop's page with @rudderstack/analytics-js: the key and the API's URL, twice, are all that a shop changes.
import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const finished = (call) => new Promise((resolve) => call(resolve));

window.start = async (key, url) => {
  window.analytics = new RudderAnalytics();
  window.analytics.load(key, url, { configUrl: url });
  await finished((done) => window.analytics.ready(done));
  return window.analytics.getAnonymousId();
};

window.visit = async (customer) => {
  const { analytics } = window;
  analytics.page("Docs", "Home", { theme: "dark" });
  analytics.track("Product Viewed", { sku: "crowbar" });
  analytics.identify(customer, { email: `${customer}@x.y`, first_name: "Gordon" });
  analytics.track("Order Completed", { revenue: 10.5 });
  analytics.group(`${customer}-mesa`, { name: "Black Mesa" });
  analytics.alias(customer, `${customer}-tablet`);
};
