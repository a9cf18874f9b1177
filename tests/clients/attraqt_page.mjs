// A shop's page with @attraqt/activity, built for browsers: only the endpoint is the shop's own.
import { activity } from "@attraqt/activity";

window.xo = { activity };
window.settings = { trackerKey: "web-key", region: "dev" };
window.start = () => activity.init(window.settings);
window.view = async (product, url) => {
  const sent = await activity.send({ action: "view", target: { product } }, { url });
  return sent && sent.status;
};
