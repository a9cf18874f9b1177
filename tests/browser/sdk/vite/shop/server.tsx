// The entry point on a server: a call that a component makes while it is rendered does nothing.

import hardlink from "hardlink-sdk"
import { renderToString } from "react-dom/server"
import { StaticRouter } from "react-router"
import { App } from "./app"

hardlink.track("rendered")
console.log(
  renderToString(
    <StaticRouter location="/product">
      <App />
    </StaticRouter>,
  ),
)
