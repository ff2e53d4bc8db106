"""The proxy that the environment names. Nothing else is taken from there.

aiohttp's own `trust_env` also signs in with what a `.netrc` file has for the host: a password that is meant
for something else would reach the provider, or keep the provider's own sign-in from being sent.
"""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from bonifiq_async._model.errors import ConfigurationError


def proxy_of(base_url: str) -> URL | None:
    """Return the proxy on the way to `base_url`, None where there is none (NO_PROXY included).

    One without a scheme is used by http. Raises `ConfigurationError` for one that speaks neither http
    nor https, such as a SOCKS proxy.
    """
    parts = urlsplit(base_url)
    named = getproxies().get(parts.scheme)
    if not named or proxy_bypass(parts.netloc):
        return None
    try:
        proxy = URL(named if "://" in named else f"http://{named}")
        fits = proxy.scheme in ("http", "https") and proxy.host is not None
    except ValueError:
        fits = False
    if not fits:
        raise ConfigurationError(
            f"{variable(base_url)} names a proxy that cannot be used; give one such as http://host:3128. "
            "Nothing was sent."
        )
    return proxy


def is_named(base_url: str) -> bool:
    """Say whether the environment names a proxy on the way to `base_url`, whatever it is."""
    parts = urlsplit(base_url)
    return bool(getproxies().get(parts.scheme)) and not proxy_bypass(parts.netloc)


def variable(base_url: str) -> str:
    """Return the name of the setting that names the proxy on the way to `base_url`."""
    return f"{urlsplit(base_url).scheme.upper()}_PROXY"


def shown(proxy: URL) -> str:
    """Name a proxy without its credentials."""
    return f"the proxy {proxy.host}:{proxy.port}"
