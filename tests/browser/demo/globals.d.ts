// What the snippet leaves in the page.
import type { Hardlink } from "../../functions/sdk/hardlink.js"

declare global {
  const hardlink: Hardlink
}
