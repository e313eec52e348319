"""A machine remembers what it was, and comes back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from toolbox.lib.core.errors import UsageError
from toolbox.lib.core.secret import Secret
from toolbox.lib.reconfigure.desire.blob import Blob
from toolbox.lib.reconfigure.engines.direct import Direct
from toolbox.lib.reconfigure.history import generations
from toolbox.lib.reconfigure.history import record as records
from toolbox.lib.reconfigure.history.record import RecordError
from toolbox.lib.reconfigure.history.vault import Vault
from toolbox.lib.reconfigure.look import question
from toolbox.lib.reconfigure.planning.decision import decide

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site


def _config(text: str, *more: dict[str, Any]) -> dict[str, Any]:
    files = [
        {"path": "/etc/x", "contents": {"source": f"data:,{text}"}},
        {"path": "/etc/grows", "append": [{"source": f"data:,{text}%0A"}]},
        *more,
    ]
    unit = {"name": "x.service", "enabled": True, "contents": f"[Service]\nExecStart=/{text}\n"}
    return {"storage": {"files": files}, "systemd": {"units": [unit]}}


SECRET = {"path": "/etc/key", "mode": 0o600, "contents": {"source": "data:,hidden"}}


def _back(site: Site, number: int, vault: Vault | None = None) -> None:
    with site.session() as session:
        desired = generations.state(session, number, vault)
        survey = question.survey(session, desired)
        plan = decide(desired, survey, now="2026", who="me", engine="direct")
        kept = records.keepsakes(desired)
        assert Direct(session, before=survey.record, keepsakes=kept).apply(plan).ok


def test_generations(site: Site) -> None:
    """Each change is a generation; the last one is what is there."""
    with site.session() as session:
        assert generations.of(session) == ()
    for text in "abc":
        site.bring(_config(text))

    with site.session() as session:
        found = generations.of(session)

    assert [(item.number, item.current) for item in found] == [(1, False), (2, False), (3, True)]
    assert {item.record.who for item in found} == {"me@here"}


def test_back(site: Site) -> None:
    """An earlier generation comes back whole, as a new one."""
    trees = []
    for text in "abc":
        site.bring(_config(text))
        trees.append(site.tree())

    for number in (1, 2, 3):
        _back(site, number)
        assert site.tree() == trees[number - 1], number

    with site.session() as session:
        found = generations.of(session)
    assert [item.number for item in found if item.current] == [6]
    assert found[0].record.config == found[3].record.config


def test_back_to_a_secret(site: Site, tmp_path: Path) -> None:
    """Secrets come back from where the change was made, and from nowhere else."""
    vault = Vault(tmp_path / "vault", Secret("key"))
    config = _config("a", SECRET)
    site.bring(config)
    vault.keep(records.keepsakes(site.state(config)))
    before = site.tree()
    site.bring(_config("b"))
    vault.keep([records.Keepsake(Blob(b"of no generation"), secret=True)])

    with site.session() as session, pytest.raises(RecordError, match="/etc/key"):
        generations.state(session, 1)
    with site.session() as session:
        vault.retain(generations.digests(session))
    assert len(list(vault.folder.iterdir())) == 1
    _back(site, 1, vault)

    assert site.tree() == before


def test_back_to_the_first_boot(site: Site) -> None:
    """What Ignition put there can be had again, though no blob of it was ever sent."""
    config = _config("a")
    site.bring(config)
    before = site.tree()
    place = site.root / "var/lib/infra-toolbox"
    first = records.of(site.state(config), generation=0)
    (place / "record.json").write_text(records.dump(first))
    (place / "generations/1.json").unlink()
    for blob in (place / "blobs").iterdir():
        blob.unlink()
    site.bring(_config("b"))

    _back(site, 0)

    assert site.tree() == before


def test_unknown_generation(site: Site) -> None:
    """A generation that there is not is told, with those that there are."""
    site.bring(_config("a"))

    with site.session() as session, pytest.raises(UsageError, match="no generation 7") as caught:
        generations.state(session, 7)

    assert caught.value.hint == "it remembers these: 1"


def test_damaged_blob(site: Site) -> None:
    """Bytes that were changed are not taken for what they were."""
    site.bring(_config("a"))
    site.bring(_config("b"))
    for blob in (site.root / "var/lib/infra-toolbox/blobs").iterdir():
        blob.write_text("spoiled")

    with site.session() as session, pytest.raises(RecordError, match="/etc/x"):
        generations.state(session, 1)
