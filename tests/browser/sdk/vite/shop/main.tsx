// The entry point in a browser.

import hardlink from "hardlink-sdk"
import "hardlink-sdk/ecommerce"
import { createRoot } from "react-dom/client"
import { BrowserRouter } from "react-router"
import { App } from "./app"

hardlink.start({
  token: import.meta.env.VITE_KEY,
  target: import.meta.env.VITE_TARGET,
  track: { visits: true },
  ping: { enabled: false },
  batch: 20,
})

createRoot(document.getElementById("root")!).render(
  <BrowserRouter>
    <App />
  </BrowserRouter>,
)
