// The global that the snippet defines.
import type { Hardlink } from "../../../functions/sdk/hardlink.js"

declare global {
  const hardlink: Hardlink
}
