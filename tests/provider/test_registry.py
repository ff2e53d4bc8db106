"""The registry: one line for each provider, loaded on first use, and checked."""

import ast
import subprocess
import sys
import types
from pathlib import Path

import pytest

import bonifiq_async
from bonifiq_async._model.operation import Operation
from bonifiq_async._provider import registry
from bonifiq_async._provider.spec import ObjectReference, ProviderSpec
from bonifiq_async.cli.adapter import FileAdapter, adapter_for, adapter_of
from bonifiq_async.sandbox.server import Server


@pytest.mark.parametrize("name", registry.names())
def test_every_part_of_a_spec_exists(name: str) -> None:
    spec = registry.spec_of(name)
    assert spec.client.load(type).__name__.endswith("Client")
    assert adapter_for(name) is adapter_of(name) is spec.files.load(FileAdapter)
    assert adapter_for(name).name == name
    assert issubclass(spec.sandbox.load_class(Server), Server)
    operations = spec.operations.load(tuple)
    assert operations and all(isinstance(each, Operation) for each in operations)
    assert {each.name.partition(".")[0] for each in operations} == {name}


@pytest.mark.parametrize("name", registry.names())
def test_every_operation_is_listed(name: str) -> None:
    spec = registry.spec_of(name)
    listed = spec.operations.load(tuple)
    defined = vars(sys.modules[spec.operations.module]).values()
    assert [each for each in defined if isinstance(each, Operation) and each not in listed] == []


def test_reading_the_registry_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bonifiq_async._provider import registry; registry.specs()\n"
        "print([name for name in ('aiohttp', 'attr', 'cattrs', 'msgspec') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_no_spec_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the spec of another provider: one provider would have two names."""
    module = types.ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    monkeypatch.setitem(registry.PROVIDERS, "other", "elsewhere")
    for value in ("other", object()):
        module.PROVIDER = value
        with pytest.raises(TypeError, match=r"elsewhere\.PROVIDER is no spec of other"):
            registry.spec_of("other")
    monkeypatch.setitem(registry.PROVIDERS, "other", registry.PROVIDERS[registry.names()[0]])
    with pytest.raises(TypeError, match="no spec of other"):
        registry.spec_of("other")


def test_a_place_is_checked_when_it_is_loaded() -> None:
    here = ObjectReference(registry.__name__, "spec_of")
    with pytest.raises(TypeError, match=r"spec_of is no int"):
        here.load(int)
    with pytest.raises(TypeError, match=r"ProviderSpec is no kind of int"):
        ObjectReference(registry.__name__, "ProviderSpec").load_class(int)
    assert ObjectReference(registry.__name__, "ProviderSpec").load_class(tuple) is ProviderSpec


PUBLIC_NAMES = {"__init__.py", "sandbox/__init__.py", "webhooks.py"}
"""Tables of the public names, which say for each where it is defined: a new provider need not be in them."""
AFTER_THE_PROJECT = {"ledger/postgres/database.py"}
"""The default schema has the name of the project, which is that of its first provider."""


def test_no_list_elsewhere_names_a_provider() -> None:
    """No text outside its folder has its name, its title, its settings or a module of it."""
    package = Path(bonifiq_async.__file__).parent
    ours = [spec for spec in registry.specs() if registry.PROVIDERS[spec.name].startswith(package.name)]
    folders = tuple(f"{registry.PROVIDERS[spec.name].rpartition('.')[2]}/" for spec in ours)
    naming = {name for spec in ours for name in (spec.name, spec.title, *settings_of(spec))}
    places = tuple(f"{start}{spec.name}." for spec in ours for start in ("", f"{package.name}."))
    found = {}
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(package).as_posix()
        if not where.startswith(folders):
            for text in texts_in(path):
                if text in naming or f"{text}.".startswith(places):
                    found.setdefault(where, text)
    assert found.pop("_provider/registry.py") and found.keys() == PUBLIC_NAMES | AFTER_THE_PROJECT


def settings_of(spec: ProviderSpec) -> tuple[str, ...]:
    return (spec.environment.base_url, *spec.environment.credentials)


def texts_in(path: Path) -> list[str]:
    constants = (
        node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
    )
    return [node.value for node in constants if isinstance(node.value, str)]


def test_what_is_no_file_adapter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = registry.names()[0]
    values = dict(zip(ProviderSpec.__annotations__, registry.spec_of(name), strict=True))
    other = ProviderSpec(**{**values, "files": ObjectReference(registry.__name__, "spec_of")})
    monkeypatch.setattr(sys.modules[registry.PROVIDERS[name]], "PROVIDER", other)
    with pytest.raises(TypeError, match=f"the files of {name} have no file adapter"):
        adapter_for(name)
    assert adapter_of("unheard-of") is None
