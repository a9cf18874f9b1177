"""The assets that are uploaded."""

from __future__ import annotations

import json
import marshal
import os
import re
import shutil
import subprocess
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest

from hardlink.domain.sources import registry
from infra import topology
from infra.stack import assets
from tests.bench.cpu import baseline_environment
from tests.bench.imports import PLATFORM
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
    # The functions read the same as JSON, at a thirtieth of the time.
    shipped = registry.load_deployed(code / "sources.json")
    assert shipped == registry.load_deployed(topology.SOURCES)


def test_the_code_holds_its_byte_code_and_what_is_served(dev: Template) -> None:
    found = [f for f in dev.asset("sources.toml").rglob("*") if f.is_file()]
    assert {f.suffix for f in found} == {
        *(".py", ".pyc", ".toml", ".json", ".js", ".css", ".html")
    }


@pytest.mark.parametrize("holds", ["sources.toml", "python"])
def test_every_module_is_shipped_compiled_and_is_not_checked_again(
    dev: Template, holds: str
) -> None:
    asset = dev.asset(holds)
    modules = list(asset.rglob("*.py"))
    assert modules
    for module in modules:
        byte_code = Path(cache_from_source(str(module))).read_bytes()
        assert byte_code[:4] == MAGIC_NUMBER
        # PEP 552: a hash of the source, which Python does not compare.
        assert int.from_bytes(byte_code[4:8], "little") == 0b01
    one = asset / modules[0].relative_to(asset)
    code = marshal.loads(Path(cache_from_source(str(one))).read_bytes()[16:])
    place = {"sources.toml": "/var/task", "python": "/opt"}[holds]
    assert code.co_filename == f"{place}/{one.relative_to(asset)}"


def test_the_runtime_is_the_python_that_compiled_the_code(dev: Template) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert assets.runtime_version() == version
    functions = dev.properties("Lambda::Function").values()
    assert {function["Runtime"] for function in functions} == {f"python{version}"}


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_that_lambda_does_not_have_is_told(version: tuple[int, int]) -> None:
    with pytest.raises(assets.UnsupportedPython, match=r"one of 3\.11, 3\.12, 3\.13"):
        assets.runtime_version(version)


def test_the_code_holds_no_documents(dev: Template) -> None:
    assert not (dev.asset("sources.toml") / "decisions").exists()


def test_the_layer_is_built_for_arm_and_the_runtimes_python(dev: Template) -> None:
    tag = f"cpython-{assets.runtime_version().replace('.', '')}-aarch64"
    compiled = {f.name for f in dev.asset("python").rglob("*.so")}
    assert f"_pydantic_core.{tag}-linux-gnu.so" in compiled
    assert all(tag in name for name in compiled)


def test_the_layer_holds_what_is_required_and_no_more(dev: Template) -> None:
    packages = dev.asset("python") / "python"
    for line in topology.REQUIREMENTS.read_text(encoding="utf-8").split():
        name, _, version = line.partition("==")
        assert (packages / f"{name.replace('-', '_')}-{version}.dist-info").is_dir()
    names = {f.name for f in packages.rglob("*")}
    assert not names & {"tests", "bin", "RECORD", "examples-1.json", "event_handler"}
    assert not names & {"boto3", "s3transfer", "pydantic", "annotated_types"}
    services = {
        f.name for f in (packages / "botocore" / "data").iterdir() if f.is_dir()
    }
    assert services == {"dynamodb", "firehose", "s3", "secretsmanager", "sqs"}


def test_every_function_starts_from_the_assets_alone_and_compiles_nothing(
    tmp_path: Path,
) -> None:
    """With the packages of the layer for this machine, as Lambda's are for arm64."""
    code, layer = assets.build_code(), assets.build_layer(platform=PLATFORM)
    program = tmp_path / "start.py"
    program.write_text(_START, encoding="utf-8")
    ran = subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-B", str(program)),
            *(str(code), str(layer / "python")),
            json.dumps([*topology.FUNCTIONS_BY_NAME, "forward"]),
            json.dumps(assets.SERVICES),
        ],
        env={
            **baseline_environment(),
            "HARDLINK_ERASURES": "https://sqs.test/erasures",
            "HARDLINK_VISITOR_ERASURES": "https://sqs.test/visitor-erasures",
            "HARDLINK_FORWARD_STREAM": "forward",
            "HARDLINK_SERVER_KEYS": "{project}/server-key",
            "HARDLINK_SIGNING_KEYS": "{project}/signing-key",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == []


_START = """
import importlib, json, os, sys

code, layer, functions, services = sys.argv[1:]
sys.path[:0] = [code, layer]
for name in json.loads(functions):
    importlib.import_module(f"{name}.handler")
# Modules that only some calls need.
import crawleruseragents, jwt, botocore.session
for name in json.loads(services):
    botocore.session.get_session().create_client(name)
compiled = []
for name, module in sorted(sys.modules.items()):
    file = getattr(module, "__file__", None) or ""
    if file.startswith((code, layer)) and file.endswith(".py"):
        if not os.path.exists(module.__cached__):
            compiled.append(name)
print(json.dumps(compiled))
"""


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
    ran = subprocess.run(
        [sys.executable, "-m", "infra.app", "-c", "stage=prod"],
        cwd=topology.ROOT,
        env={**os.environ, **places, "CDK_OUTDIR": str(tmp_path / "out")},
        check=True,
        capture_output=True,
        text=True,
    )
    printed = ran.stdout.splitlines()
    assert printed[0] == str(tmp_path / "out")
    assert re.fullmatch(r"code: \d\.\d MB unpacked", printed[1])
    assert re.fullmatch(r"layer: 1\d\.\d MB unpacked", printed[2])
    template = Template(tmp_path / "out", "hardlink-prod")
    assert (template.asset("sources.toml") / "sources.toml").read_text(
        encoding="utf-8"
    ) == text
    assert "ServerKeysshop" in template.properties("SecretsManager::Secret")
    (told,) = template.properties("SNS::Subscription").values()
    assert told["Endpoint"] == "ops@shop.example"
