// A visit with @attraqt/activity as a shop's code makes it: every method of the vocabulary.
const { activity } = require("@attraqt/activity");
const { url, session, customer } = JSON.parse(process.argv[1]);

(async () => {
  const answers = [];
  const send = async (what) => answers.push(await activity.send(what, { url }));
  activity.init({ trackerKey: "web-key", region: "dev" });
  activity.addUserIdentity("sessionId", session);
  await send({ action: "view", target: { product: "1" } });
  await send([
    { action: "click", target: { product: "2" }, sourceId: "rec-1" },
    { action: "add-to-cart", target: { product: "2" }, metadata: { price: 1999, quantity: 1, currency: "EUR" } },
  ]);
  activity.addUserIdentity("ecommerceId", customer);
  activity.addUserSegment("new");
  activity.addUserTrait("age", "45");
  await send({ action: "purchase", target: { product: "2" }, metadata: { price: 1999, quantity: 1, orderId: "o1" } });
  activity.setUserSegments(["new", "prospect"]);
  activity.setUserTraits({ age: 45, buyer: true });
  await send({ action: "view", target: { page: "/thanks" } });
  activity.setUserIdentities({ ecommerceId: customer, sessionId: `${session}-mine` });
  await send({ action: "view", target: { product: "3" } });
  activity.optOut();
  const out = await activity.send({ action: "view", target: { product: "unseen" } }, { url });
  activity.optIn();
  activity.clearUser();
  await send({ action: "view", target: { product: "after-clear" } });
  await send({ action: "view", target: { product: "4" }, user: { identities: { sessionId: `${session}-own` } } });
  console.log(JSON.stringify({ answers, out }));
})();
