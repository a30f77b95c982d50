"""Sites on the mesh, and the hops between them: the shortest paths of a graph of tiles, built edge by edge."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from snndeploy import resources, targets
from snndeploy.errors import SnnDeployError
from snndeploy.placement.sites import distance, in_rows, sites, steps
from snndeploy.targets import Target


def machine(cores: int = 24, **mesh: int) -> Target:
    """Loihi 1 with another mesh and `cores` cores per chip."""
    target = targets.load("loihi1")
    small = {"tiles_x": 3, "tiles_y": 2, "cores_per_tile": 4, "chips_x": 2, "chips_y": 2, "boards": 2} | mesh
    held = target.mesh.model_copy(
        update={name: getattr(target.mesh, name).model_copy(update={"value": n}) for name, n in small.items()}
    )
    chip = target.chip.model_copy(update={"cores": target.chip.cores.model_copy(update={"value": cores})})
    return target.model_copy(update={"mesh": held, "chip": chip})


def test_cores_in_rows():
    where = in_rows(26, machine())
    assert where.dtype == np.int64
    assert where[:5].tolist() == [[0, 0, 0]] * 4 + [[0, 1, 0]]
    assert where[12].tolist() == [0, 0, 1]
    assert where[23].tolist() == [0, 2, 1]
    assert where[24].tolist() == [1, 0, 0]


def test_a_chip_may_have_fewer_cores_than_its_tiles_hold():
    assert in_rows(23, machine(cores=22))[-2:].tolist() == [[0, 2, 1], [1, 0, 0]]


def test_hops_are_the_shortest_paths_between_tiles():
    """A graph of the tiles of two boards: an edge per pair of neighbours, weighed by the borders that it crosses."""
    target = machine()
    mesh = target.mesh
    height = mesh.boards.value * mesh.chips_y.value * mesh.tiles_y.value
    width = mesh.chips_x.value * mesh.tiles_x.value
    graph = nx.grid_2d_graph(width, height)
    for (xa, ya), (xb, yb), data in graph.edges(data=True):
        chip = xa // 3 != xb // 3 or ya // 2 != yb // 2
        data["weight"] = 1 + chip * mesh.chip_hops.value + (ya // 4 != yb // 4) * mesh.board_hops.value
    truth = dict(nx.all_pairs_dijkstra_path_length(graph))
    where = sites(np.arange(0, 8 * 24, 4), target)
    found = distance(where[:, None], where[None], target)

    def tile(site):
        chip, x, y = (int(n) for n in site)
        board, on_board = divmod(chip, 4)
        return on_board % 2 * 3 + x, (board * 2 + on_board // 2) * 2 + y

    for i, a in enumerate(where):
        for j, b in enumerate(where):
            assert found[i, j] == truth[tile(a)][tile(b)]


def test_steps_tell_axes_and_borders_apart():
    target = machine()
    a, b = np.array([0, 0, 0]), np.array([7, 2, 1])
    assert steps(a, b, target).tolist() == [5, 7, 1 + 3, 1]


def test_a_chip_has_no_more_cores_than_its_tiles_hold(tmp_path):
    text = (resources.folder("targets") / "loihi1.toml").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("tiles_x = { value = 8", "tiles_x = { value = 7"))
    with pytest.raises(SnnDeployError, match=r"SD204 .*tiles of the mesh hold 112 cores, a chip has 128"):
        targets.load(path)
