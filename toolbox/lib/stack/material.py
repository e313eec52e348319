"""Our own resource, as programs of stacks declare it.

Imports pulumi, so it is imported only where a stack is declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from toolbox.lib.pki.material import KINDS
from toolbox.lib.stack.provider import KIND, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping


class Material(pulumi.CustomResource):
    """Something that `pki.material` makes; its outputs are attributes."""

    certificate: pulumi.Output[str]
    expires: pulumi.Output[str]
    password: pulumi.Output[str]
    pkcs12: pulumi.Output[str]
    encrypted_key: pulumi.Output[str]
    secret: pulumi.Output[str]

    def __init__(
        self,
        kind: str,
        name: str,
        inputs: Mapping[str, pulumi.Input[object]],
        options: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it.

        Args:
            kind: Key of `KINDS`.
            name: Name of the resource.
            inputs: What it is made of.
            options: Pulumi's own.
        """
        unknown = dict.fromkeys(KINDS[kind].outputs)
        super().__init__(TOKEN, name, {KIND: kind, **inputs, **unknown}, options)
