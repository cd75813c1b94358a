import { totalOf, type Cart } from "./cart";

class Checkout {
  constructor(private readonly cart: Cart) {}

  payNow(): string {
    return `Paying ${totalOf(this.cart).toFixed(2)}`;
  }
}

document.querySelector("#pay")!.addEventListener("click", function onPayClicked() {
  document.title = new Checkout({ lines: [{ price: 3.5, count: 2 }] }).payNow();
});
