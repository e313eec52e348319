"""What starts the units of a config: what is enabled in vain, and what nothing ever starts."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolbox.lib.butane.check import unitfile
from toolbox.lib.butane.check.units import INSTALLS
from toolbox.lib.core.report import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from toolbox.lib.butane.check.units import Units
    from toolbox.lib.butane.contents import Content, Contents
    from toolbox.lib.core.report import Finding

STARTED = frozenset({"service", "socket", "timer", "path", "mount", "automount", "swap", "target"})
TRIGGERS = ("timer", "socket", "path", "automount")
ORDER_ONLY = frozenset(
    {"After", "Before", "PartOf", "Conflicts", "Description", "Documentation", "SourcePath"}
    | {"Alias", "ReloadPropagatedFrom", "JoinsNamespaceOf", "StopPropagatedFrom", *INSTALLS}
)
"""Settings that name units and start none."""

LARGEST = 1024 * 1024
"""Bytes of a file that is searched for names of units."""


def judge(units: Units, contents: Contents, shipped: frozenset[str]) -> tuple[Finding, ...]:
    """Find units that are enabled in vain, or never started.

    Args:
        units: Units that see each other.
        contents: What the config puts on the machine.
        shipped: Names of units that systemd itself brings.
    """
    return (*_enabled_in_vain(units), *_Starting(units, contents).never(shipped))


def _enabled_in_vain(units: Units) -> Iterator[Finding]:
    for name, unit in units.stated.items():
        made = units.generated.get(name)
        if made and unit.enabled is not None:
            quadlet = posixpath.basename(made.quadlet.path)
            verb = "enabled" if unit.enabled else "disabled"
            message = f"podman makes {name} of {quadlet} at boot, so it cannot be {verb}"
            hint = f"an [Install] section of {quadlet} decides whether it starts: remove enabled"
            yield unit.enabled_place.finding("enabled-generated", message, hint)
        elif unit.enabled and unit.content is None and not _installable(units, name):
            # Reason: of a unit that stands in the config itself, Butane says the same.
            message = f"{name} is enabled, and has no [Install] section, so nothing starts it"
            hint = "add WantedBy=multi-user.target in a section [Install]"
            place = unit.enabled_place
            yield place.finding("enabled-in-vain", message, hint, Severity.WARNING)


def _installable(units: Units, name: str) -> bool:
    """Tell whether enabling a unit does something; of those of the machine nothing is known."""
    known = next((each for each in (name, unitfile.template_of(name)) if each in units.defined), "")
    if not known:
        return True
    return any(entry.section == "Install" for entry in units.entries(known))


@dataclass(frozen=True, slots=True)
class _Starting:
    units: Units
    contents: Contents

    def never(self, shipped: frozenset[str]) -> Iterator[Finding]:
        """Yield units that nothing starts; not those that start with one of them."""
        idle = dict(self._idle(shipped))
        roots = idle.keys() - {
            started for name in idle for started in self._starts(name) if started != name
        }
        # Reason: those that only start each other have no first one.
        told = roots | (idle.keys() - self._reached(roots))
        yield from (self._finding(name, idle[name]) for name in sorted(told))

    def _idle(self, shipped: frozenset[str]) -> Iterator[tuple[str, Content]]:
        started = self._reached(name for name in self._roots() if name)
        for name, content in self.units.defined.items():
            stated = self.units.stated.get(name)
            # Reason: who says that a unit is not enabled knows it; an empty one masks another.
            silent = (stated and stated.enabled is not None) or not content.data.strip()
            if silent or name in started or name in shipped or not _is_started(name):
                continue
            if any(entry.key == "BusName" for entry in self.units.entries(name)):
                continue
            yield name, content

    def _finding(self, name: str, content: Content) -> Finding:
        message = f"nothing starts {name}"
        install = any(entry.section == "Install" for entry in self.units.entries(name))
        made = self.units.generated.get(name)
        if made:
            quadlet = posixpath.basename(made.quadlet.path)
            message += f", which podman makes of {quadlet}"
            hint = f"add WantedBy=multi-user.target to {quadlet} in a section [Install]"
            if not quadlet.endswith((".container", ".kube", ".pod")):
                hint = "let a container name it, or remove it"
            return content.at(1).finding("never-started", message, hint, Severity.WARNING)
        hint = "add enabled: true" if install else "add a section [Install], and enabled: true"
        hint += "; or enabled: false if it is started by hand"
        stated = self.units.stated.get(name)
        place = stated.place if stated else content.at(1)
        return place.finding("never-started", message, hint, Severity.WARNING)

    def _reached(self, names: Iterable[str]) -> set[str]:
        """Return units with all that start with them."""
        started: set[str] = set()
        found = list(names)
        while found:
            name = found.pop()
            if name in started:
                continue
            started.add(name)
            template = unitfile.template_of(name)
            found += [template] if template else []
            found += self._starts(name)
        return started

    def _roots(self) -> Iterator[str]:
        for name, unit in self.units.stated.items():
            if unit.enabled:
                yield name
        for name in self.units.generated:
            if self.units.installed_in(name):
                yield name
        for path in self.units.links:
            # Reason: what is in a folder of wants is started, and so is what has another name.
            yield posixpath.basename(path)
        for path, target in self.units.links.items():
            if "/" not in path:
                yield posixpath.basename(target)
        for name in self.units.dropins:
            if name not in self.units.defined:
                yield from self._starts(name)
        yield from self._named_elsewhere()

    def _named_elsewhere(self) -> Iterator[str]:
        """Yield the units that files name which are no units, such as scripts and rules."""
        own = {id(content) for content in self.units.defined.values()}
        own |= {id(part) for parts in self.units.dropins.values() for part in parts}
        own |= {id(unit.quadlet) for unit in self.units.generated.values()}
        stems = {name: name.removesuffix(".service") for name in self.units.defined}
        for content in self.contents.every():
            if id(content) in own or not content.is_text or len(content.data) > LARGEST:
                continue
            text = content.text
            named = set(unitfile.NAME.findall(text))
            yield from named
            if "systemctl" in text:
                # Reason: there, what ends in .service need not say so.
                yield from (name for name, stem in stems.items() if stem.rstrip("@") in text)

    def _starts(self, name: str) -> Iterator[str]:
        """Yield the units that a unit starts."""
        stem, _, kind = name.rpartition(".")
        entries = self.units.entries(name) or self._of_template(name)
        targets = [entry.value for entry in entries if entry.key in {"Unit", "Service"}]
        if kind in TRIGGERS and not targets:
            yield f"{stem}.{'mount' if kind == 'automount' else 'service'}"
            yield f"{stem}@.service"
        paths: list[str] = []
        for entry in entries:
            if entry.key in {"RequiresMountsFor", "WantsMountsFor", "WorkingDirectory"}:
                paths += entry.value.split()
            if entry.key not in ORDER_ONLY:
                yield from _named(entry.value)
                if "systemctl" in entry.value:
                    yield from (f"{word}.service" for word in entry.value.split())
        yield from self._mounts(paths)

    def _of_template(self, name: str) -> tuple[unitfile.Entry, ...]:
        template = unitfile.template_of(name)
        return self.units.entries(template) if template else ()

    def _mounts(self, paths: Iterable[str]) -> Iterator[str]:
        """Yield the mounts that paths are below of."""
        for path in paths:
            parts = path.strip("/").split("/")
            escaped = [part.replace("-", r"\x2d") for part in parts]
            for end in range(1, len(parts) + 1):
                yield f"{'-'.join(escaped[:end])}.mount"


def _named(value: str) -> Iterator[str]:
    for name in unitfile.NAME.findall(value):
        yield name
        stem, at, rest = name.partition("@")
        if at:
            yield f"{stem}@.{rest.rpartition('.')[2]}"


def _is_started(name: str) -> bool:
    return name.rpartition(".")[2] in STARTED
