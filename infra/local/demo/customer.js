// The customer who is logged in, and the calls that identify them. The demo has no passwords.

import { trackActivity, waitBriefly } from "./activity.js";
import { readStored, writeStored } from "./storage.js";

/** @typedef {{id: string, email: string, first_name: string, last_name: string}} Customer */

/** @returns {Customer | null} `null` if no customer is logged in */
export const readCustomer = () => readStored("customer", null);

/** Path of a customer in API and console. @param {Customer} customer */
export const customerPath = ({ id }) => ["customers", hardType(), id];

/** The identifier type of customer numbers, as the project declares it. */
export const hardType = () => document.body.dataset.hard ?? "registered";

/** @param {string} name @param {string} email */
export async function logIn(name, email) {
  const [first_name, ...lastNames] = name.trim().split(/\s+/);
  const normalizedEmail = email.trim().toLowerCase();
  writeStored("customer", {
    id: customerNumber(normalizedEmail), email: normalizedEmail, first_name, last_name: lastNames.join(" "),
  });
  await waitBriefly(identifyCustomer());
}

/** Log out, and start a new session for the next visitor of this device. */
export async function logOut() {
  await waitBriefly(hardlink.anonymize());
  writeStored("customer", undefined);
  writeStored("basket", undefined);
}

/** Identify the customer who is logged in: at log-in, and when tracking is accepted after it. */
export async function identifyCustomer() {
  const customer = readCustomer();
  if (!customer) return;
  const { id, ...properties } = customer;
  const { email: emailType } = document.body.dataset;
  const ids = { [hardType()]: id, ...(emailType && { [emailType]: customer.email }) };
  await trackActivity(`identify ${id}`, hardlink.identify(ids, properties));
}

/** Identify a guest by their e-mail address, which is a soft identifier. @param {string} email */
export async function identifyGuest(email) {
  const { email: emailType } = document.body.dataset;
  if (emailType) await trackActivity(`identify ${email}`, hardlink.identify({ [emailType]: email }));
}

/**
 * A customer number, which a real shop takes from its database. The demo computes it from the address (FNV-1a), so that
 * it is the same on every device.
 * @param {string} email
 */
function customerNumber(email) {
  let hash = 2166136261;
  for (const letter of email) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16777619) >>> 0;
  return `C-${String(hash % 10_000_000).padStart(7, "0")}`;
}
