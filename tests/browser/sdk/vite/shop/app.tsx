// The pages of a shop: a browser and a server render the same ones.

import hardlink from "hardlink-sdk"
import { Link, Route, Routes } from "react-router"

const Home = () => <h1>Home</h1>

const Product = () => (
  <>
    <h1>Product</h1>
    <button onClick={() => hardlink.track("add_to_basket", { product: "1" })}>Add to the basket</button>
  </>
)

export const App = () => (
  <>
    <Link to="/product">Product</Link>
    <Routes>
      <Route path="/product" element={<Product />} />
      <Route path="*" element={<Home />} />
    </Routes>
  </>
)
