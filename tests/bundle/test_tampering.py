"""What is not a bundle as snndeploy wrote it is refused, by name, and never with a traceback."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from bundled import edited, sealed, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snndeploy import cli
from snndeploy.bundle.checking import verify
from snndeploy.bundle.verifier import archive, prove
from snndeploy.bundle.verifier.prove import KNOWN
from snndeploy.bundle.verifier.reading import text
from snndeploy.errors import SnnDeployError


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampering")
    written(folder / "model.zip", labels=np.array([0, 1]))
    return folder


@pytest.fixture(scope="module")
def data(home):
    return (home / "model.zip").read_bytes()


@pytest.fixture(scope="module")
def members(home, data):
    return archive.unpack(home / "model.zip")


def refusal(home, content):
    """Codes of the refusal of these bytes."""
    file = home / "tampered.zip"
    file.write_bytes(content)
    with pytest.raises(SnnDeployError) as problem:
        verify(file)
    assert all(each.what and each.fix and each.where for each in problem.value.findings)
    return {each.code for each in problem.value.findings}


def zipped(members, compression=zipfile.ZIP_STORED, **infos):
    """By the standard library, as anybody would."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as out:
        for name, content in members.items():
            out.writestr(infos.get(name, name), content)
    return made.getvalue()


def test_each_file_changed_is_named(home, members):
    for name in members:
        changed = bytearray(members[name])
        changed[len(changed) // 2] ^= 1
        codes = refusal(home, b"".join(archive.pack({**members, name: bytes(changed)})))
        assert codes <= ({"SD861", "SD862", "SD866"} if name == "manifest.json" else {"SD861"}), name


def test_each_file_missing_or_added_is_named(home, members):
    for name in members:
        rest = {n: b for n, b in members.items() if n != name}
        assert refusal(home, b"".join(archive.pack(rest))) == {"SD862"}
    assert refusal(home, b"".join(archive.pack({**members, "more.txt": b"x"}))) == {"SD862"}
    assert refusal(home, sealed({**members, "more.txt": b"x"})) == {"SD862"}
    assert refusal(home, sealed({n: b for n, b in members.items() if n != "model.nir"})) == {"SD862"}


def test_all_changes_are_told_at_once(home, members):
    changed = {name: b"x" + body if name.startswith("arrays/") else body for name, body in members.items()}
    (home / "tampered.zip").write_bytes(b"".join(archive.pack(changed)))
    with pytest.raises(SnnDeployError) as problem:
        verify(home / "tampered.zip")
    assert len(problem.value.findings) == sum(name.startswith("arrays/") for name in members) > 3


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/out.txt", "arrays/../../out.txt", "..\\out.txt", "C:/out.txt", "a:b", "~root", ".hidden",
     "a//b", "arrays/0000.NPY ", "nul\x00.npy", "\u202egpj.npy", "é.npy", "a/b/c/d/e.txt", "-rf"],
)  # fmt: skip
def test_path_tricks(home, members, name):
    made = zipped({**members, name: b"x"})
    # a NUL ends a name for zipfile, but not in the file
    assert refusal(home, made) & {"SD863", "SD860"}
    assert not (home.parent / "out.txt").exists()


def test_duplicate_names(home, members):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
        with pytest.warns(UserWarning, match="Duplicate name"):
            out.writestr("contract.json", b"{}")
    assert refusal(home, made.getvalue()) == {"SD863"}
    assert "SD863" in refusal(home, zipped({**members, "Contract.JSON": b"{}"}))


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o010644, 0o020644])
def test_links_folders_and_devices(home, members, mode):
    info = zipfile.ZipInfo("contract.json")
    info.external_attr = mode << 16
    assert refusal(home, zipped(members, **{"contract.json": info})) == {"SD865"}


def test_zip_bombs(home, members):
    """By ratio, by size, by number, by members that share their bytes, by what headers say."""
    zeros = zipped({**members, "arrays/0000.npy": bytes(2**24)}, zipfile.ZIP_DEFLATED)
    assert len(zeros) < 2**20
    assert refusal(home, zeros) == {"SD865"}
    many = zipped({f"arrays/{i:05}.npy": b"" for i in range(archive.MOST + 1)})
    assert refusal(home, many) == {"SD864"}
    # a directory that says 4 GB of the same few bytes
    body = bytearray(zipped({f"a{i}": b"x" for i in range(9)}))
    at = -1
    while (at := body.find(b"PK\x01\x02", at + 1)) >= 0:
        struct.pack_into("<2I", body, at + 20, 2**29, 2**29)
    assert "SD864" in refusal(home, bytes(body))
    whole = b"".join(archive.pack({"a": b"x" * 50, "b": b"y" * 50}))
    second = whole.rindex(b"PK\x01\x02")
    shared = bytearray(whole)
    struct.pack_into("<I", shared, second + 42, 0)
    assert refusal(home, bytes(shared)) == {"SD860"}


def test_encrypted_and_nested(home, members):
    body = bytearray(zipped(members))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.find(sign) + place] |= 1
    assert refusal(home, bytes(body)) == {"SD865"}
    assert refusal(home, zipped({**members, "inner.zip": zipped(members)})) == {"SD865"}


def test_a_file_that_is_too_large_is_not_read(home, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    with pytest.raises(SnnDeployError, match="SD864"):
        verify(home / "model.zip")


def test_packed_again_it_is_another_archive(home, members, data):
    assert refusal(home, zipped(members)) == {"SD860"}
    assert refusal(home, b"#!/usr/bin/env python\n" + data) == {"SD860"}
    assert refusal(home, data + b"\n") == {"SD860"}
    assert refusal(home, data + data) == {"SD860"}
    assert refusal(home, b"") == {"SD860"}
    assert refusal(home, b"PK\x05\x06" + bytes(18)) == {"SD860"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
@given(draws=st.data())
def test_flipped_bits_are_always_refused(home, data, draws):
    """Anywhere: a member, a header, a date, the directory, the end."""
    changed = bytearray(data)
    for _ in range(draws.draw(st.integers(1, 3))):
        at = draws.draw(st.integers(0, len(changed) - 1) | st.integers(len(changed) - 3000, len(changed) - 1))
        changed[at] ^= 1 << draws.draw(st.integers(0, 7))
    if bytes(changed) != data:
        assert refusal(home, bytes(changed)) <= {"SD860", "SD861", "SD862", "SD863", "SD864", "SD865", "SD866"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(draws=st.data())
def test_cuts_and_splices_are_always_refused(home, data, draws):
    a, b = sorted(draws.draw(st.lists(st.integers(0, len(data)), min_size=2, max_size=2)))
    filling = draws.draw(st.sampled_from([b"", bytes(7), data[:300], b"PK\x05\x06"]))
    changed = draws.draw(st.sampled_from([data[:a], data[b:], data[:a] + filling + data[b:]]))
    if changed != data:
        assert refusal(home, changed) <= {"SD860", "SD861", "SD862", "SD863", "SD864", "SD865", "SD866"}


VALUES = [None, True, -1, 0, 1, 7, 2**31, 2**70, 0.5, "", "in", "out", "golden/0000.npy", "../x", [], [1], [-1, 2], {}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=250)
@given(draws=st.data())
def test_any_forged_document_is_refused_or_proven(home, members, draws):
    """Well sealed, so that every check behind the hashes is on its own: a finding, or a proof, and nothing else."""
    name = draws.draw(st.sampled_from(["contract.json", "golden.json", "manifest.json"]))
    content = json.loads(members[name])
    holder, key = None, None
    node = content
    while isinstance(node, (dict, list)) and node and (holder is None or draws.draw(st.integers(0, 5))):
        holder = node
        key = draws.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        node = node[key]
    if draws.draw(st.booleans()):
        del holder[key]
    else:
        holder[key] = draws.draw(st.sampled_from(VALUES))
    file = home / "forged.zip"
    made = {**members, name: text(content)}
    file.write_bytes(b"".join(archive.pack(made)) if name == "manifest.json" else sealed(made))
    try:
        assert verify(file)["sha256"]
    except SnnDeployError as problem:
        assert {each.code[:4] for each in problem.findings} == {"SD86"}
        # a check said what is wrong, and not the net behind all checks
        assert "unforeseen" not in str(problem)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(draws=st.data())
def test_any_forged_array_is_refused_or_proven(home, members, draws):
    name = draws.draw(st.sampled_from(sorted(n for n in members if n.endswith(".npy"))))
    raw = bytearray(members[name])
    for _ in range(draws.draw(st.integers(1, 3))):
        raw[draws.draw(st.integers(0, min(len(raw), 140) - 1))] = draws.draw(st.integers(0, 255))
    file = home / "forged.zip"
    file.write_bytes(sealed({**members, name: bytes(raw)}))
    try:
        verify(file)
    except SnnDeployError as problem:
        assert {each.code for each in problem.findings} <= {"SD864", "SD866", "SD867"}
        assert "unforeseen" not in str(problem)


# of a .npy file of version 1.0 with 118 characters of text
HEAD = b"\x93NUMPY\x01\x00v\x00"


def array_bytes(values):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (array_bytes(np.array([{"a": 1}], object)), "SD866"),
        (array_bytes(np.zeros(3, "<c16")), "SD866"),
        (array_bytes(np.asfortranarray(np.zeros((3, 3)))), "SD866"),
        (HEAD + b"{'descr': '|b1', 'fortran_order': False, 'shape': (99999999999,)}".ljust(118), "SD864"),
        (HEAD + b"__import__('os').system('true')".ljust(118), "SD866"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535, "SD866"),
    ],
)  # fmt: skip
def test_arrays_that_are_none(home, members, content, code):
    name = json.loads(members["golden.json"])["inputs"]["in"]["file"]
    assert refusal(home, sealed({**members, name: content})) == {code}


def test_documents_that_are_none(home, members):
    for content in (
        b"[" * 100_000,
        b"\xff",
        b"",
        b'{"a": NaN}\n',
        b"1" * 5000 + b"\n",
        b"{}\n",
        b"[]\n",
        members["golden.json"][:-1],
    ):
        assert refusal(home, sealed({**members, "golden.json": content})) == {"SD866"}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("populations",), []),
        (("populations", 0, "shape"), [True]),
        (("projections", 0, "maps", 0, "stride"), [True, 1]),
        (("projections", 0, "maps", 0, "padding"), [[True, 0], [0, 0]]),
        (("order",), ["conv"] * 3),
        (("populations", 1, "name"), "conv"),
        (("projections", 2, "delay"), 0),
        (("projections", 0, "exponent"), 8),
        (("populations", 0, "registers", "dv"), 4096),
        (("decision", "population"), "in"),
    ],
)
def test_contracts_that_contradict_themselves(home, members, where, value):
    content = json.loads(members["contract.json"])
    node = content
    for key in where[:-1]:
        node = node[key]
    node[where[-1]] = value
    (home / "forged.zip").write_bytes(sealed({**members, "contract.json": text(content)}))
    with pytest.raises(SnnDeployError) as problem:
        verify(home / "forged.zip")
    assert [each.code for each in problem.value.findings] == ["SD866"]
    assert "unforeseen" not in str(problem.value)


def test_work_that_never_ends_is_refused(home, members):
    def change(golden):
        golden["steps"] = 2**31

    assert refusal(home, sealed(edited(members, "golden.json", change))) == {"SD864"}

    def widen(contract):
        contract["projections"][0]["maps"][0]["padding"] = [[60000, 60000], [60000, 60000]]

    assert refusal(home, sealed(edited(members, "contract.json", widen))) == {"SD866"}


@pytest.mark.parametrize(("problem", "code"), [(MemoryError(), "SD864"), (KeyError("x"), "SD866")])
def test_what_nobody_foresaw_is_no_traceback(home, monkeypatch, problem, code):
    def fail(*given):
        raise problem

    monkeypatch.setattr(prove, "Network", fail)
    with pytest.raises(SnnDeployError, match=code):
        verify(home / "model.zip")


def test_exit_codes(home, members, capsys):
    name = json.loads(members["golden.json"])["spikes"]["out"]["file"]
    raw = bytearray(members[name])
    raw[-1] ^= 128
    (home / "b.zip").write_bytes(sealed({**members, name: bytes(raw)}))
    assert cli.main(["verify", str(home / "b.zip")]) == 1
    (home / "b.zip").write_bytes(b"nothing")
    assert cli.main(["verify", str(home / "b.zip"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"][0]["code"] == "SD860"
    assert cli.main(["verify", str(home / "none.zip")]) == 2


def test_every_member_is_one_that_is_known(members):
    assert all(KNOWN.fullmatch(name) for name in members)
