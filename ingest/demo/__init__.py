"""A believable month of one made-up app, "Kahve Mobile" (ordering coffee), as Countly's SDKs would have sent it.

Everything but `sender` is pure: seed, number of the person and `now` in, HTTP requests out. Nothing here touches a
database: the server sees SDK traffic and nothing else.
"""
