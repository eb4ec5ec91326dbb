"""The licences that footage may carry, under one name each, and what they allow. Who must obey is decided elsewhere.

Names are SPDX identifiers where SPDX has one; terms are read off the licences' own texts, in the coarse questions
that a corpus is filtered by. They are no legal advice.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from talkie.errors import BadInput


@dataclass(frozen=True)
class Licence:
    """commercial, derivatives: whether they are allowed; None where nobody has said. attribution: the owner must be
    named; share_alike: what is made from it goes under the same licence."""

    name: str
    commercial: bool | None
    derivatives: bool | None
    attribution: bool = False
    share_alike: bool = False


def _creative_commons() -> list[Licence]:
    found = []
    for version in ("2.0", "2.5", "3.0", "4.0"):
        for terms in ("BY", "BY-SA", "BY-ND", "BY-NC", "BY-NC-SA", "BY-NC-ND"):
            parts = terms.split("-")
            found.append(
                Licence(
                    f"CC-{terms}-{version}",
                    commercial="NC" not in parts,
                    derivatives="ND" not in parts,
                    attribution=True,
                    share_alike="SA" in parts,
                )
            )
    return found


LICENCES: dict[str, Licence] = {
    licence.name: licence
    for licence in (
        Licence("CC0-1.0", commercial=True, derivatives=True),
        Licence("public-domain", commercial=True, derivatives=True),
        Licence("owned", commercial=True, derivatives=True),
        *_creative_commons(),
        Licence("MIT", commercial=True, derivatives=True, attribution=True),
        Licence("Apache-2.0", commercial=True, derivatives=True, attribution=True),
        Licence("BSD-2-Clause", commercial=True, derivatives=True, attribution=True),
        Licence("BSD-3-Clause", commercial=True, derivatives=True, attribution=True),
        Licence("GPL-3.0-or-later", commercial=True, derivatives=True, attribution=True, share_alike=True),
        Licence("ODbL-1.0", commercial=True, derivatives=True, attribution=True, share_alike=True),
        Licence("research-only", commercial=False, derivatives=None),
        Licence("non-commercial", commercial=False, derivatives=None),
        Licence("agreement", commercial=None, derivatives=None),
        Licence("unknown", commercial=None, derivatives=None),
    )
}
"""owned: footage whose rights the user holds; agreement: a signed contract whose terms are not written here."""

OWN_TERMS = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
"""SPDX's form for a licence of one's own; its terms count as not said."""


def licence_of(name: str) -> Licence:
    """The licence under a name, in any spelling of case, blanks, hyphens and underscores (`cc by-nc 4.0`).

    Raises BadInput for a name that is not known, with the nearest that is: a misspelt licence must not pass for one."""
    if OWN_TERMS.fullmatch(name):
        return Licence(name, commercial=None, derivatives=None)
    spelt = _spelling(name)
    if spelt not in _SPELLINGS:
        near = difflib.get_close_matches(spelt, _SPELLINGS, n=1, cutoff=0.5)
        meant = f"did you mean {_SPELLINGS[near[0]]}? " if near else ""
        raise BadInput(
            f"no licence {name!r}", cure=f"{meant}Use an SPDX name, LicenseRef-YOURS, or one of {', '.join(_PLAIN)}"
        )
    return LICENCES[_SPELLINGS[spelt]]


def _spelling(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())


_SPELLINGS = {_spelling(name): name for name in LICENCES}
_PLAIN = ("owned", "public-domain", "research-only", "non-commercial", "agreement", "unknown")
