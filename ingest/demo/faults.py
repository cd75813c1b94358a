"""The crashes of Kahve Mobile: traces as each platform writes them, and the moment that triggers each."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from ingest.demo.devices import Platform
from ingest.demo.releases import CHECKOUT_BREAKS, COUPONS_BREAK


class Moment(StrEnum):
    """What the person was doing."""

    PAYING = "paying"
    COUPON = "coupon"
    MENU = "menu"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in the app. `chance` is that of hitting it at its moment, in `versions` (all, if empty)."""

    slug: str
    platform: Platform
    moment: Moment
    chance: float
    is_fatal: bool
    name: str
    trace: str
    versions: tuple[str, ...] = ()
    is_flutter: bool = False
    most_ram_megabytes: int = 0
    """Only devices with no more memory than this; 0: all."""


def fault_at(
    moment: Moment, rng: Random, *, platform: Platform, is_flutter: bool, version: str, ram_megabytes: int
) -> Fault | None:
    """Give the fault that strikes, if one does."""
    for fault in FAULTS:
        if (
            fault.moment is moment
            and fault.platform is platform
            and fault.is_flutter is is_flutter
            and (not fault.versions or version in fault.versions)
            and (not fault.most_ram_megabytes or ram_megabytes <= fault.most_ram_megabytes)
            and rng.random() < fault.chance
        ):
            return fault
    return None


_NULL_IN_CHECKOUT: Final = """\
java.lang.NullPointerException: Attempt to invoke virtual method 'String com.kahve.mobile.pay.Card.token()' \
on a null object reference
\tat com.kahve.mobile.checkout.CheckoutFragment.onPay(CheckoutFragment.kt:214)
\tat com.kahve.mobile.checkout.CheckoutFragment.access$onPay(CheckoutFragment.kt:38)
\tat com.kahve.mobile.checkout.CheckoutFragment$onViewCreated$3.onClick(CheckoutFragment.kt:97)
\tat android.view.View.performClick(View.java:7892)
\tat android.view.View.performClickInternal(View.java:7869)
\tat android.os.Handler.handleCallback(Handler.java:995)
\tat android.os.Looper.loopOnce(Looper.java:205)
\tat android.app.ActivityThread.main(ActivityThread.java:8705)
\tat java.lang.reflect.Method.invoke(Native Method)
"""

_OUT_OF_MEMORY: Final = """\
java.lang.OutOfMemoryError: Failed to allocate a 16588812 byte allocation with 8388608 free bytes and 9241KB until OOM
\tat android.graphics.Bitmap.nativeCreate(Native Method)
\tat android.graphics.Bitmap.createBitmap(Bitmap.java:1128)
\tat com.kahve.mobile.menu.PictureLoader.decode(PictureLoader.kt:61)
\tat com.kahve.mobile.menu.MenuAdapter.onBindViewHolder(MenuAdapter.kt:44)
\tat androidx.recyclerview.widget.RecyclerView$Adapter.bindViewHolder(RecyclerView.java:7884)
"""

_ANDROID_TIMEOUT: Final = """\
java.net.SocketTimeoutException: failed to connect to api.kahve.example/203.0.113.20 (port 443) after 10000ms
\tat com.kahve.mobile.net.OrderApi.submit(OrderApi.kt:73)
\tat com.kahve.mobile.checkout.CheckoutViewModel$submit$1.invokeSuspend(CheckoutViewModel.kt:129)
\tat kotlin.coroutines.jvm.internal.BaseContinuationImpl.resumeWith(ContinuationImpl.kt:33)
"""

_IOS_COUPON: Final = """\
0   KahveMobile                         0x0000000104b2c1f8 KahveMobile.CartViewModel.applyCoupon(_:) + 412
1   KahveMobile                         0x0000000104b2a9d4 KahveMobile.CartViewController.couponTapped(_:) + 188
2   UIKitCore                           0x0000000187d2f0a8 -[UIApplication sendAction:to:from:forEvent:] + 96
3   UIKitCore                           0x0000000187b6e5c0 -[UIControl sendAction:to:forEvent:] + 108
4   CoreFoundation                      0x00000001855a4c2c __CFRunLoopDoSource0 + 176
5   GraphicsServices                    0x00000001d1a1d0ec GSEventRunModal + 164
6   UIKitCore                           0x0000000187c3b0f0 UIApplicationMain + 340"""

_IOS_TIMEOUT: Final = """\
0   KahveMobile                         0x0000000104a77e10 KahveMobile.OrderService.submit(_:) + 260
1   KahveMobile                         0x0000000104a78b54 KahveMobile.CheckoutViewModel.pay() + 348
2   libswift_Concurrency.dylib          0x00000001a0b3c9f4 swift_job_runImpl(swift::Job*) + 252"""

_JS_PRICE: Final = """\
TypeError: Cannot read properties of undefined (reading 'price')
    at Basket.total (https://order.kahve.example/static/js/checkout.8f31c2.js:1:48213)
    at CheckoutPage.render (https://order.kahve.example/static/js/checkout.8f31c2.js:1:51877)
    at https://order.kahve.example/static/js/vendor.1d90aa.js:2:90811"""

_JS_FETCH: Final = """\
TypeError: Failed to fetch
    at OrderApi.submit (https://order.kahve.example/static/js/checkout.8f31c2.js:1:12044)
    at async CheckoutPage.pay (https://order.kahve.example/static/js/checkout.8f31c2.js:1:53102)"""

_DART_NULL: Final = """\
Null check operator used on a null value
#0      StampCard.build (package:kahve_mobile/loyalty/stamp_card.dart:88:41)
#1      StatelessElement.build (package:flutter/src/widgets/framework.dart:5781:49)
#2      ComponentElement.performRebuild (package:flutter/src/widgets/framework.dart:5705:15)
#3      Element.rebuild (package:flutter/src/widgets/framework.dart:5409:7)"""

FAULTS: Final = (
    Fault(
        "android-checkout", Platform.ANDROID, Moment.PAYING, 0.42, True,
        "java.lang.NullPointerException", _NULL_IN_CHECKOUT, versions=(CHECKOUT_BREAKS,),
    ),
    Fault(
        "android-memory", Platform.ANDROID, Moment.MENU, 0.05, True,
        "java.lang.OutOfMemoryError", _OUT_OF_MEMORY, most_ram_megabytes=4000,
    ),
    Fault(
        "android-timeout", Platform.ANDROID, Moment.SENDING, 0.035, False,
        "java.net.SocketTimeoutException", _ANDROID_TIMEOUT,
    ),
    Fault(
        "ios-coupon", Platform.IOS, Moment.COUPON, 0.5, True,
        "Swift runtime failure: Unexpectedly found nil while unwrapping an Optional value", _IOS_COUPON,
        versions=(COUPONS_BREAK,),
    ),
    Fault("ios-timeout", Platform.IOS, Moment.SENDING, 0.03, False, "NSURLErrorDomain -1001", _IOS_TIMEOUT),
    Fault(
        "web-price", Platform.WEB, Moment.PAYING, 0.12, True, "TypeError", _JS_PRICE,
        versions=(CHECKOUT_BREAKS, "3.4.1"),
    ),
    Fault("web-fetch", Platform.WEB, Moment.SENDING, 0.04, False, "TypeError", _JS_FETCH),
    Fault("flutter-android-null", Platform.ANDROID, Moment.MENU, 0.03, False, "TypeError", _DART_NULL, is_flutter=True),
    Fault("flutter-ios-null", Platform.IOS, Moment.MENU, 0.03, False, "TypeError", _DART_NULL, is_flutter=True),
)  # fmt: skip
