"""What a client would refuse is told before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.pki.conftest import NOW, Chain
from toolbox.lib.pki import lint, x509
from toolbox.lib.pki.x509 import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolbox.lib.core.secret import Secret


def found(chain: Chain, text: str) -> list[str]:
    """Return the codes of what is wrong with a host's chain."""
    every = (*x509.chain(text), x509.read(chain.root.certificate))
    return [one.code for one in lint.chain(every, "web")]


def test_ours_are_well(chain: Chain) -> None:
    """What is made here has nothing that a client would refuse."""
    _, text = chain.leaf(["web.shop.internal", "*.web.shop.internal"], ["10.0.0.5"])

    assert found(chain, text) == []


@pytest.mark.parametrize(
    ("names", "more", "codes"),
    [
        (["web"], {}, ["names"]),
        (["web_1.shop.internal"], {}, ["names"]),
        (["web.shop.internal"], {"common": "db.shop.internal"}, ["common-name"]),
        (["web.shop.internal"], {"days": 399}, ["lifetime"]),
        (["web.shop.internal"], {"days": 4000}, ["lifetime", "lifetime"]),
    ],
)
def test_hosts(chain: Chain, names: list[str], more: dict[str, object], codes: list[str]) -> None:
    """What is odd about a host's certificate is told."""
    _, text = chain.leaf(names, **more)

    assert found(chain, text) == codes


def test_another_root(chain: Chain, make_chain: Callable[..., Chain]) -> None:
    """A chain that does not end at its root is none."""
    _, text = chain.leaf(["web.shop.internal"])

    assert "signature" in found(make_chain(), text)


def test_a_leaf_that_signs(chain: Chain) -> None:
    """An authority is no host."""
    codes = found(chain, chain.provision.certificate)

    assert {"authority", "names", "common-name"} <= set(codes)


def test_no_room(chain: Chain, key: Callable[[], Secret], monkeypatch: pytest.MonkeyPatch) -> None:
    """An authority below one that has no room for it is seen."""
    own = key()
    monkeypatch.setattr(x509, "_require_room", lambda *_: None)
    rogue = x509.authority(Authority("rogue", "x", 0, 9000), own, NOW, chain.provision)
    _, text = Chain(chain.root, x509.Signed(rogue, own)).leaf(["web.shop.internal"], days=300)

    assert found(chain, text + chain.provision.certificate) == ["path-length"]
