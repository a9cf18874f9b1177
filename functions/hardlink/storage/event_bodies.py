"""Compresses the bodies of events with a preset dictionary, where that saves bytes.

A compressed body begins with a byte that names its dictionary; a plain one is a text. So rows of
both forms, and of every dictionary, stay readable.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from hardlink.domain.errors import Busy

# A dictionary is never changed, because rows are read with it for years: a better one gets the next
# number. deflate finds the end of it by the shortest references: what is common stands last.
_FIRST = (
    b'"orderNumber":"","deliveryLinks":[{"visitors":["trackingUserId":"'
    b'"firstName":"","lastName":"","phone":"","gender":"","birthday":"19'
    b'"country":"US","city":"","zip":"","locale":"en-US","timezone":"Europe/Berlin"'
    b'"campaign":{"medium":"email","source":"newsletter","content":"","term":""}'
    b'"utm_campaign":"","utm_medium":"cpc","utm_source":"google","utm_content":""'
    b'"gclid":"","fbclid":"","referrer":"https://www.google.com/"'
    b'"userAgent":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 '
    b'(KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"'
    b'"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 '
    b'(KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"'
    b'"library":{"name":"analytics.js","version":"4.'
    b'"device":{"type":"mobile","os":"Android","browser":"Chrome"}'
    b'"screen":{"width":1920,"height":1080,"density":2}'
    b'"page":{"path":"/","search":"","title":"","url":"https://www.'
    b'"target":{"product":"","banner":"","search":""},"metadata":{"orderId":"'
    b'"trigger":{"query":"","results":"total_price":"purchase_id":"purchase_status":'
    b'"shipping":0,"tax":0,"discount":0,"coupon":"","revenue":"order_id":"'
    b'"cart_id":"","checkout_id":"","step":1,"payment_method":"'
    b'"productNumber":"","productNumbers":["","variant_id":"","variant":"'
    b'"category":"","category_id":"","brand":"","image_url":"https://'
    b'"products":[{"product_id":"","sku":"","name":"","price":0,"quantity":1}'
    b'"search":"","query":"","results":0,"position":1,"list":"","value":0'
    b'"tags":[],"sent_time":"2026-,"order":{"number":"","total":,"status":"'
    b'"url":"https://www.","title":"","path":"/","pageTitle":"","type":"","id":"'
    b'true,false,null,"total":,"quantity":1,"currency":"EUR","currency":"USD","price":'
    b'"context":{"page":{}},"context":{}}'
    b'{"properties":{"properties":{},"context":{}}{"properties":{"'
)
_DICTIONARIES: Mapping[int, bytes] = {1: _FIRST}
NEWEST = max(_DICTIONARIES)
# Raw deflate: a header and a checksum would be six bytes of some forty. A window of 4 KB reaches
# over the dictionary, and is copied ten times as fast as the largest one.
_WINDOW, _MEMORY = -12, 4


def _compressor() -> zlib._Compress:
    return zlib.compressobj(
        level=6,
        wbits=_WINDOW,
        memLevel=_MEMORY,
        zdict=_DICTIONARIES[NEWEST],
    )


# Made once: it takes longer to hash a dictionary than to compress a body.
_COMPRESSOR = _compressor()


def compress_body(text: str) -> str | bytes:
    """Return a body as it is stored: compressed where that is shorter, else as it is."""
    raw = text.encode()
    compressor = _COMPRESSOR.copy()
    packed = bytes([NEWEST]) + compressor.compress(raw) + compressor.flush()
    return packed if len(packed) < len(raw) else text


def expand_body(stored: object) -> str:
    """Return the text of a stored body. Raises `Busy` for a dictionary that this code lacks."""
    if not isinstance(stored, bytes):
        return str(stored)
    dictionary = _DICTIONARIES.get(stored[0])
    if dictionary is None:
        raise Busy(
            f"an event is compressed with dictionary {stored[0]}, which a newer version of "
            "Hardlink wrote: deploy that version, and send the call again; nothing is lost"
        )
    expander = zlib.decompressobj(wbits=_WINDOW, zdict=dictionary)
    return (expander.decompress(stored[1:]) + expander.flush()).decode()
