"""The assets that are uploaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import topology
from infra.stack import assets
from tests.deploy.template import Template


def test_the_code_holds_every_handler_the_library_and_the_sources(
    dev: Template,
) -> None:
    code = dev.asset("sources.toml")
    for name in topology.FUNCTIONS_BY_NAME:
        assert (code / name / "handler.py").is_file()
    assert (code / "hardlink" / "storage" / "dynamodb.py").is_file()
    assert (code / "sdk" / "served" / "hardlink.js").is_file()
    assert (code / "sources.toml").read_bytes() == topology.SOURCES.read_bytes()


def test_the_code_holds_nothing_that_python_compiled(dev: Template) -> None:
    found = [f for f in dev.asset("sources.toml").rglob("*") if f.is_file()]
    assert {f.suffix for f in found} == {".py", ".toml", ".js", ".css", ".html"}


def test_the_code_holds_no_documents(dev: Template) -> None:
    assert not (dev.asset("sources.toml") / "decisions").exists()


def test_the_layer_is_built_for_arm_and_python_3_13(dev: Template) -> None:
    compiled = {f.name for f in dev.asset("python").rglob("*.so")}
    assert "_pydantic_core.cpython-313-aarch64-linux-gnu.so" in compiled
    assert all("cpython-313-aarch64" in name for name in compiled)


def test_the_layer_holds_what_is_required_and_no_more(dev: Template) -> None:
    packages = dev.asset("python") / "python"
    for line in topology.REQUIREMENTS.read_text(encoding="utf-8").split():
        name, _, version = line.partition("==")
        assert (packages / f"{name.replace('-', '_')}-{version}.dist-info").is_dir()
    names = {f.name for f in packages.rglob("*")}
    assert not names & {"__pycache__", "tests", "bin", "RECORD"}
    services = {
        f.name for f in (packages / "botocore" / "data").iterdir() if f.is_dir()
    }
    assert services == {"dynamodb", "firehose", "s3", "secretsmanager", "sqs"}


def test_the_clients_that_functions_use_can_be_made_of_the_layer(layer: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import botocore.session as s;"
        "print(s.__file__); [s.get_session().create_client(n) for n in sys.argv[2:]]"
    )
    ran = subprocess.run(
        [
            sys.executable,
            "-I",
            "-B",
            "-c",
            program,
            str(layer / "python"),
            *assets.SERVICES,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(str(layer))


def test_what_is_built_is_not_built_again(layer: Path) -> None:
    before = layer.stat().st_mtime_ns
    assert assets.build_layer() == layer
    assert layer.stat().st_mtime_ns == before
    assert assets.build_code() == assets.build_code()


def test_other_sources_are_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = assets.build_code(tmp_path)
    changed = tmp_path / "sources.toml"
    shutil.copyfile(topology.SOURCES, changed)
    changed.write_text(
        changed.read_text(encoding="utf-8") + "\n# more\n", encoding="utf-8"
    )
    monkeypatch.setattr(topology, "SOURCES", changed)
    after = assets.build_code(tmp_path)
    assert after != before
    assert (after / "sources.toml").read_text(encoding="utf-8").endswith("# more\n")


def test_documentation_and_sdk_sources_do_not_change_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = tmp_path / "functions"
    shutil.copytree(topology.FUNCTIONS, functions)
    monkeypatch.setattr(topology, "FUNCTIONS", functions)
    before = assets.build_code(tmp_path / "cache")
    for name in ("console/README.md", "sdk/source/index.js", "sdk/hardlink.tpl"):
        with (functions / name).open("a", encoding="utf-8") as file:
            file.write("// changed")
    assert assets.build_code(tmp_path / "cache") == before


def test_without_a_network_the_error_says_so_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(assets.LayerError, match="Is the network on"):
        assets.build_layer(cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_a_shop_keeps_elsewhere_is_deployed_in_place_of_the_demos(
    layer: Path, tmp_path: Path
) -> None:
    sources, stages = tmp_path / "mine.toml", tmp_path / "stages.toml"
    text = topology.SOURCES.read_text(encoding="utf-8").replace("demo", "shop")
    sources.write_text(text, encoding="utf-8")
    stages.write_text(
        '[prod]\nalarms = true\nalarm_email = "ops@shop.example"', encoding="utf-8"
    )
    places = {"HARDLINK_SOURCES": str(sources), "HARDLINK_STAGES": str(stages)}
    subprocess.run(
        [sys.executable, "-m", "infra.app", "-c", "stage=prod"],
        cwd=topology.ROOT,
        env={**os.environ, **places, "CDK_OUTDIR": str(tmp_path / "out")},
        check=True,
        capture_output=True,
    )
    template = Template(tmp_path / "out", "hardlink-prod")
    assert (template.asset("sources.toml") / "sources.toml").read_text(
        encoding="utf-8"
    ) == text
    assert "ServerKeysshop" in template.properties("SecretsManager::Secret")
    (told,) = template.properties("SNS::Subscription").values()
    assert told["Endpoint"] == "ops@shop.example"
