"""The ways in which a network can be written as plain NIR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from snndeploy.errors import error
from snndeploy.frontends.nir.encode import Encoder, Places
from snndeploy.frontends.nir.encode import encode as standard
from snndeploy.frontends.nir.graph import Graph
from snndeploy.network.network import Network, Projection
from snndeploy.network.registers import Format

Style = Literal["standard", "decomposed"]
Reader = Literal["norse", "snntorch"]
STYLES: tuple[str, ...] = get_args(Style)
READERS: tuple[str, ...] = get_args(Reader)


@dataclass(frozen=True, eq=False)
class Plain:
    """A network as plain NIR.

    Attributes:
        places: where the weights of its maps are, as far as they are there unchanged.
        notes: how to import it, a line each.
    """

    graph: Graph
    places: Places
    notes: tuple[str, ...] = ()


class _Decomposed(Encoder):
    def _late(self, p: Projection) -> bool:
        """A Threshold that feeds the membrane in front of it does so one step later, without a Delay."""
        ways = [each.source for each in self.network.into(p.source)]
        membrane = self.entry[p.target, p.receptor] == p.target and not self.network.population[p.target].rule.spiking
        return super()._late(p) and not (ways == [p.target] and p.delay == 1 and membrane)


def _fed(network: Network) -> Network:
    """Biases per sample as what they are to a reader without them: inputs, one to one into their populations."""
    form = Format() if network.form == "integer" else None
    into = [Projection(i.name, i.population, (), format=form) for i in network.inputs if i.kind == "bias"]
    return network.with_(projections=(*network.projections, *into)) if into else network


def plain(network: Network, style: str = "standard", for_: str | None = None) -> Plain:
    """A legal network as plain NIR.

    Raises:
        SnnDeployError SD414: it has no plain form. SD415: not in this style. SD416: this reader cannot hold it.
            SD417: there is no such style or reader, or they exclude each other.
    """
    network = _fed(network)
    if style not in STYLES:
        raise error("SD417", "style", f"{style!r} is unknown", f"choose from {', '.join(STYLES)}")
    if for_ is not None and for_ not in READERS:
        raise error("SD417", "for_", f"{for_!r} is unknown", f"choose from {', '.join(READERS)}, or leave it out")
    if for_ is not None and style == "decomposed":
        what = f"{for_}'s importer drops the LI and Threshold nodes that a decomposed neuron is made of"
        raise error("SD417", "style, for_", what, "give one of the two")
    if for_ == "norse":
        from snndeploy.frontends.nir import for_norse

        return Plain(*for_norse.encode(network))
    if for_ == "snntorch":
        from snndeploy.frontends.nir import for_snntorch

        return Plain(*for_snntorch.encode(network))
    if style == "decomposed":
        from snndeploy.frontends.nir.decomposed import decomposed

        encoder = _Decomposed(decomposed(network))
        encoder.run()
        # projections of the network come first and keep their places
        count = len(network.projections)
        places = {key: place for key, place in encoder.places.items() if key[0] < count}
        return Plain(Graph(encoder.nodes, tuple(encoder.edges)), places)
    return Plain(*standard(network))
