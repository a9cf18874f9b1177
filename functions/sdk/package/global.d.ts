/** Types of the global that the snippet makes: `"types": ["hardlink-sdk/global"]` in `tsconfig.json`. */

import type { Hardlink } from "../hardlink.js"

declare global {
  /** `window.hardlink`; calls are queued until the script is loaded. */
  var hardlink: Hardlink
}
