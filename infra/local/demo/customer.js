// Who is logged in, and how the shop tells Hardlink. There are no passwords: whoever says a name has it.

import { read, write } from "./kept.js";
import { note, soon } from "./told.js";

/** @typedef {{id: string, email: string, first_name: string, last_name: string}} Customer */

/** @returns {Customer | null} */
export const customer = () => read("customer", null);

/** @param {string} name @param {string} email */
export async function logIn(name, email) {
  const [first_name, ...last] = name.trim().split(/\s+/);
  const mail = email.trim().toLowerCase();
  write("customer", { id: numberOf(mail), email: mail, first_name, last_name: last.join(" ") });
  await soon(identify());
}

/** Whoever uses this device from now on is somebody else. */
export async function logOut() {
  await soon(hardlink.anonymize());
  write("customer", undefined);
  write("basket", undefined);
}

/** Tells who is logged in: at log-in, and when tracking is allowed only then. */
export async function identify() {
  const who = customer();
  if (!who) return;
  const { id, ...properties } = who;
  const { hard = "registered", email } = document.body.dataset;
  const ids = { [hard]: id, ...(email && { [email]: who.email }) };
  await note(`identify ${id}`, hardlink.identify(ids, properties));
}

/** A guest who orders leaves an address, which is less than a customer number. @param {string} mail */
export async function guest(mail) {
  const { email } = document.body.dataset;
  if (email) await note(`identify ${mail}`, hardlink.identify({ [email]: mail }));
}

/** A customer number as a shop's database would give it; here the address makes it, the same on every device. */
function numberOf(/** @type {string} */ mail) {
  let hash = 2166136261;
  for (const letter of mail) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16777619) >>> 0;
  return `C-${String(hash % 10_000_000).padStart(7, "0")}`;
}
