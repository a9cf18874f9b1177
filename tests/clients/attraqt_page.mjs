// A shop's page with @attraqt/activity, built for browsers: only the endpoint is the shop's own.
import { activity } from "@attraqt/activity";

window.start = (trackerKey) => {
  activity.init({ trackerKey, region: "dev" });
  activity.handleQueuedEvents();
};
window.act = (method, ...given) => activity[method](...given);
window.view = async (product, url) => {
  const sent = await activity.send({ action: "view", target: { product } }, { url });
  return sent && sent.status;
};
window.session = () => localStorage.getItem("attraqtsessionid");
