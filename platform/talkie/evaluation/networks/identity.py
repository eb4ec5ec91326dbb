"""What a report says about a network that a figure was measured with. Loading networks is the business of the files
beside this one, naming figures after them that of `metrics.registry`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkIdentity:
    """kind: the published network whose place it takes ("inception"). name: the file's or the probe's. digest: SHA-256
    of its weights. stand_in: empty for the published network itself, else the word that goes before the names of all
    figures measured with it ("rand", "stage")."""

    kind: str
    name: str
    digest: str
    stand_in: str = ""

    def __str__(self) -> str:
        stands = f", stands in for {self.kind}" if self.stand_in else ""
        return f"{self.name} sha256:{self.digest[:12]}{stands}"
