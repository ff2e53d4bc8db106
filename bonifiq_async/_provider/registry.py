"""Which providers there are. This is the only list of them: all else derives from it.

A provider is added by one line. No module of a provider is imported before the provider is asked for.
"""

from importlib import import_module

from bonifiq_async._provider.spec import ProviderSpec

PROVIDERS: dict[str, str] = {
    "bonifiq": "bonifiq_async.bonifiq",
    "raba7ni": "bonifiq_async.raba7ni",
}
"""The package of each provider; its `PROVIDER` is a `ProviderSpec`."""


def names() -> tuple[str, ...]:
    """Return the names of the providers; the first is meant where none is said."""
    return tuple(PROVIDERS)


def spec_of(name: str) -> ProviderSpec:
    """Return what is known of a provider. Raises `KeyError` where the registry has none of the name."""
    spec: object = import_module(PROVIDERS[name]).PROVIDER
    if not isinstance(spec, ProviderSpec) or spec.name != name:
        raise TypeError(f"{PROVIDERS[name]}.PROVIDER is no spec of {name}")
    return spec


def specs() -> tuple[ProviderSpec, ...]:
    """Return what is known of every provider, in the order of the registry."""
    return tuple(map(spec_of, PROVIDERS))
