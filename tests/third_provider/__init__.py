"""A provider made up for the tests: miles, a bearer token, and a signature that is fresh for each attempt."""

from bonifiq_async._provider.spec import Environment, ObjectReference, ProviderSpec

PROVIDER = ProviderSpec(
    name="miles",
    title="Miles",
    environment=Environment("MILES_BASE_URL", ("MILES_TOKEN", "MILES_SIGNING_KEY")),
    client=ObjectReference(f"{__name__}.client", "MilesClient"),
    operations=ObjectReference(f"{__name__}.operations", "OPERATIONS"),
    files=ObjectReference(f"{__name__}.files", "ADAPTER"),
    sandbox=ObjectReference(f"{__name__}.sandbox", "MilesSandbox"),
    sandbox_options={
        "faults": "what the requests meet",
        "stale": "how many first signatures are too old",
    },
)
