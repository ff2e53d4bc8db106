"""The recipes for task queues: a worker is killed, and money moves once.

Each runs over its real broker. Temporal's server is not among them: the activity runs without one, and the
whole recipe only over a server that `TEMPORAL_ADDRESS` names.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from postgres import SERVER, a_schema, by_sql
from recipe_runs import LIMIT, RecipeRuns, ReportedScript, kill, kill_child, needs

from bonifiq_async import change_key_for
from bonifiq_async.sandbox import FaultScript, Sandbox

pytestmark = pytest.mark.slow

Worker = subprocess.Popen[str]
Kill = Callable[[Worker], None]
RABBITMQ, REDIS, POSTGRESQL = ("RabbitMQ", 5672), ("Redis", 6379), ("PostgreSQL", 5432)
OWN = uuid4().hex[:8]
"""What the names of queues, databases and orders end with, so that two runs on one machine do not meet."""
MIGRATE = ("-c", "from dbos.cli.cli import app; app()", "migrate", "--sys-db-url")
ANA, AMOUNT = "ana@example.com", Decimal("10.50")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(duplicates="error-400") as running:
        yield running


@pytest.fixture
def recipe(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[[str], RecipeRuns]]:
    made: list[RecipeRuns] = []

    def make(name: str) -> RecipeRuns:
        made.append(RecipeRuns(name, tmp_path, sandbox.environment()))
        return made[-1]

    yield make
    for each in made:
        each.end()


class Course:
    """What every recipe has to stand: its worker killed in the middle of a change, and a change in doubt."""

    def __init__(self, sandbox: Sandbox, runs: RecipeRuns, worker: tuple[str, ...], send: str) -> None:
        self._sandbox, self._runs, self._worker, self._send = sandbox, runs, worker, send

    def stand(self, *kills: Kill, again: str) -> None:
        """Kill the worker after each request of an order, then have another order end unknown."""
        worker = self._killed(kills)
        self.unknown(again)
        worker.terminate()
        assert worker.wait(LIMIT) == 0, self._runs.log()
        assert self._runs.left() <= {"cashback.ledger"}  # closed: no log is left beside it

    def _killed(self, kills: tuple[Kill, ...]) -> Worker:
        order = f"order-1-{OWN}"
        # Applied and never answered; any later request finds the key used, and is not answered, either.
        script = ReportedScript(["silence-after", *["silence-before"] * (len(kills) - 1)])
        self._sandbox.faults = script
        worker = self._runs.start(*self._worker)
        sent = self._runs.send(self._send, order)
        for each in kills:
            assert script.wait(), self._runs.log()
            each(worker)
            if worker.poll() is not None:
                worker = self._runs.start(*self._worker)
        self.ends(sent, order, requests=len(kills) + 1)
        return worker

    def unknown(self, again: str) -> str:
        """Neither the engine nor the recipe repeats it; the same id again is answered.

        Returns what the failed one said.
        """
        order = f"order-2-{OWN}"
        self._sandbox.faults = FaultScript(["html-after"])
        _, said = (failed := self._runs.send(self._send, order)).communicate(timeout=LIMIT)
        assert failed.returncode != 0 and "may or may not have been applied" in said + self._runs.log(), said
        assert self._sandbox.books.requests_for(key_of(order)) == 1
        self.ends(self._runs.send(again, order), order, requests=2)
        return said

    def ends(self, sent: Worker, order: str, *, requests: int) -> None:
        """The change was applied once, by that number of requests, and what sent the order says so."""
        out, err = sent.communicate(timeout=LIMIT)
        assert out.splitlines()[-1:] == ["already_applied"], f"{out}{err}{self._runs.log()}"
        self._sandbox.assert_applied_once(key_of(order))
        assert self._sandbox.books.requests_for(key_of(order)) == requests


def key_of(order: str) -> str:
    return change_key_for(ANA, AMOUNT, order)


def forget(queue: str) -> None:
    from kombu import Connection

    with Connection("amqp://guest:guest@127.0.0.1:5672//") as connection, connection.channel() as channel:
        channel.queue_delete(queue)


def celery_stands(sandbox: Sandbox, runs: RecipeRuns, instead: dict[str, str], *kills: Kill) -> None:
    needs("celery", RABBITMQ, REDIS)
    queue = f"cashback-{uuid4().hex[:8]}"
    runs.write({'"cashback"': f'"{queue}"', **instead})
    worker = ("-m", "celery", "--app", "with_celery", "worker", "--concurrency=1", f"--hostname={queue}@%h")
    try:
        Course(sandbox, runs, worker, "send_celery.py").stand(*kills, again="send_celery.py")
    finally:
        runs.end()
        forget(queue)


def test_celery(sandbox: Sandbox, recipe: Callable[[str], RecipeRuns]) -> None:
    """Its process for tasks is killed, then the whole worker."""
    celery_stands(sandbox, recipe("celery"), {}, kill_child, kill)


def test_celery_on_several_machines(sandbox: Sandbox, recipe: Callable[[str], RecipeRuns]) -> None:
    """Their ledger is in PostgreSQL. Its loop rests between two tasks, and its heartbeat with it."""
    with a_schema() as database:

        def kill_for_long(worker: Worker) -> None:
            kill(worker)
            assert by_sql(database, "UPDATE owner SET beat = beat - interval '1 minute' RETURNING name")

        shared = f'PostgresLedger("{SERVER}", schema="{database.schema}")'
        instead = {'SqliteLedger("cashback.ledger")': shared, "SqliteLedger": "PostgresLedger"}
        celery_stands(sandbox, recipe("celery"), instead, kill_for_long)


def test_taskiq(sandbox: Sandbox, recipe: Callable[[str], RecipeRuns]) -> None:
    needs("taskiq", RABBITMQ, REDIS)
    queue = f"cashback-{OWN}"
    (runs := recipe("taskiq")).write({'"cashback"': f'"{queue}"'})
    worker = ("-m", "taskiq", "worker", "with_taskiq:broker", "--workers=1")
    try:
        Course(sandbox, runs, worker, "send_taskiq.py").stand(kill, again="send_taskiq.py")
    finally:
        runs.end()
        forget(queue)


def test_the_activity_of_temporal(
    sandbox: Sandbox, recipe: Callable[[str], RecipeRuns], tmp_path: Path
) -> None:
    """Without a server: its process is killed after the effect, and it runs again with the same ids."""
    needs("temporalio")
    (runs := recipe("temporal")).write({})
    program = shutil.copy(Path(__file__).with_name("run_activity.py"), tmp_path)
    course = Course(sandbox, runs, (), program)
    sandbox.faults = script = ReportedScript(["silence-after"])
    order = f"order-1-{OWN}"
    killed = runs.send(program, order)
    assert script.wait()
    kill(killed)
    course.ends(runs.send(program, order), order, requests=2)
    assert "non_retryable=True" in course.unknown(program)
    assert runs.left() <= {"cashback.ledger"}


def test_temporal(sandbox: Sandbox, recipe: Callable[[str], RecipeRuns]) -> None:
    """The whole recipe. The limit of an activity is shorter than on the page: the server waits for it."""
    needs("temporalio")
    server = os.environ.get("TEMPORAL_ADDRESS")
    if not server:
        pytest.skip("TEMPORAL_ADDRESS names no server of Temporal: its worker and workflow are not tried")
    shorter = {"timedelta(seconds=90)": "timedelta(seconds=2)", '"cashback"': f'"cashback-{OWN}"'}
    (runs := recipe("temporal")).write({"127.0.0.1:7233": server, **shorter})
    Course(sandbox, runs, ("with_temporal.py",), "send_temporal.py").stand(kill, again="send_temporal.py")


def test_dbos(sandbox: Sandbox, recipe: Callable[[str], RecipeRuns]) -> None:
    needs("dbos", POSTGRESQL)
    import psycopg

    database = f"shop_dbos_{OWN}"
    (runs := recipe("dbos")).write({"shop_dbos": database})
    url = f"postgresql://postgres@127.0.0.1:5432/{database}"
    try:
        # Else the order may be sent before the first worker has made the tables.
        assert runs.start(*MIGRATE, url).wait(LIMIT) == 0, runs.log()
        Course(sandbox, runs, ("with_dbos.py",), "send_dbos.py").stand(kill, again="again_dbos.py")
    finally:
        runs.end()
        with psycopg.connect("postgresql://postgres@127.0.0.1:5432/test", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
