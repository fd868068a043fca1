"""`./soh up` and `./soh down`: from nothing to the main job seen running, and back."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from itertools import filterfalse

from soh.airflow_api import AirflowApi
from soh.errors import SetupFailed, SohError
from soh.kafka import admin
from soh.kafka.plan import plan
from soh.local import configs, first_day, preflight, prepare, processes
from soh.local.home import Home
from soh.local.options import FleetOptions
from soh.local.services import Service, all_services
from soh.local.steps import Steps
from soh.local.supervisor import Supervisor, wait_for, wait_until_ready, write_config
from soh.specs import BATCH_APPS, FLEETS, STREAM_APPS, TOPICS, ScoringStreamSpec, StreamAppSpec
from soh.specs.apps import BATCH_POOL
from soh.yarn import AppState, ResourceManager, YarnApp

Say = Callable[[str], None]

SERVERS_WITHIN = timedelta(minutes=3)
MAIN_JOB_WITHIN = timedelta(minutes=6)

STAGES = {
    1: "PostgreSQL, Kafka, stores",
    2: "Fleets",
    3: "DataNodes, YARN",
    4: "Airflow, grades to InfluxDB",
    5: "Grades to S3",
}


def up(home: Home, options: FleetOptions, steps: Steps) -> None:
    """Start whatever does not run yet and wait until the main job is seen to run.

    Raises SetupFailed with what to do; the next call goes on where this one stopped.
    """
    supervisor = Supervisor(home)
    with steps.step("Checks") as say:
        say(preflight.check(home, already_up=supervisor.is_up()))
    with steps.step("Configuration") as say:
        home.make()
        options.remember(home)
        configs.write_all(home)
        say(str(home.path))
    with steps.step("Storage") as say:
        say(prepare.format_storage(home))
    services = all_services(home, options)
    supervisor.ensure(write_config(home, services))

    def chosen(stage: int) -> list[Service]:
        return [service for service in services if service.stage == stage]

    def start(stage: int) -> None:
        with steps.step(STAGES[stage]) as say:
            say(_start(home, supervisor, chosen(stage), say))

    def launch(app: StreamAppSpec) -> None:
        with steps.step(f"Stream app {app.name} on YARN") as say:
            _unpause(api, [app.dag_id])
            say(wait_for_app(home, app.name, say))

    start(1)
    with steps.step("Topics") as say:
        say(_topics(home))
    # The history of the fleets is on its way while everything else starts.
    start(2)
    # Not waited for yet: databases are made meanwhile.
    supervisor.start(chosen(3))
    with steps.step("Databases") as say:
        say(prepare.databases(home))
    with steps.step("Model registry") as say:
        say(prepare.model_registry(home))
    with steps.step("Buckets") as say:
        say(prepare.buckets(home))
    with steps.step("Time-series database") as say:
        say(prepare.tsdb(home))
    with steps.step("Airflow's database") as say:
        say(prepare.airflow_metadata(home, BATCH_POOL))
    start(3)
    start(4)
    api = AirflowApi(home.endpoints.airflow, "admin", home.secrets["airflow_admin"])
    fleets = [fleet for fleet in FLEETS.values() if options.data or not fleet.needs_data]
    # What a person waits for first: on two cores whatever starts beside it doubles its time.
    for app in filter(_grades, STREAM_APPS.values()):
        launch(app)
    with steps.step("First grade") as say:
        say(first_day.wait_for_first_grade(home, fleets, say))
    start(5)
    for app in filterfalse(_grades, STREAM_APPS.values()):
        launch(app)
    with steps.step("History in Kafka and in the lake") as say:
        say(first_day.wait_for_history(home, fleets, say))
    with steps.step("Readings in the lake") as say:
        first_day.wait_for_readings(home, fleets, say)
    with steps.step("Grades in InfluxDB") as say:
        say(first_day.wait_for_grades(home, fleets, say))
    with steps.step("All other Dags") as say:
        say(_unpause(api))
    with steps.step("First night") as say:
        say(first_day.wait_for_night(api, say))
    with steps.step("Classifiers") as say:
        say(first_day.wait_for_classifiers(home, api, say))
    with steps.step("Watch") as say:
        say(first_day.wait_for_watch(api))


def down(home: Home, steps: Steps) -> None:
    """Stop every service and every YARN container of the copy, and see that nothing is left."""
    supervisor = Supervisor(home)
    if supervisor.is_up():
        states = list(supervisor.states())
        with steps.step("Fleets and Airflow"):
            # Airflow before the stream apps, or it would launch them again.
            supervisor.stop(name for name in states if name.startswith(("fleet-", "airflow-", "scores-")))
        with steps.step("Apps on YARN") as say:
            say(_kill_apps(home))
        with steps.step("Servers"):
            # YARN before HDFS, on which it writes; the others when nobody asks them any more.
            last = ("kafka", "postgres", "s3proxy", "influxdb")
            for together in (("nodemanager", "resourcemanager"), ("datanode", "namenode"), last):
                supervisor.stop(name for name in states if name.startswith(together))
            supervisor.shutdown()
            wait_for(lambda: not supervisor.is_up(), timedelta(seconds=20), "supervisord to end")
    with steps.step("Stragglers") as say:
        say(f"{processes.end(processes.of(home), timedelta(seconds=10))} ended")
        if left := processes.of(home):
            raise SetupFailed(f"still running: {', '.join(f'{p.pid} {p.name()}' for p in left)}")


def _start(home: Home, supervisor: Supervisor, services: list[Service], say: Say) -> str:
    started = supervisor.start(services)
    wait_until_ready(home, services, SERVERS_WITHIN, say)
    return f"{'started' if started else 'running:'} {', '.join(service.name for service in started or services)}"


def _topics(home: Home) -> str:
    bootstrap = home.endpoints.kafka
    wanted = plan(admin.fitted(bootstrap, TOPICS.values()), admin.describe(bootstrap, list(TOPICS)))
    created = admin.apply(bootstrap, wanted)
    return f"{len(created)} made, {len(TOPICS)} declared"


def _grades(app: StreamAppSpec) -> bool:
    return any(isinstance(stream, ScoringStreamSpec) for stream in app.streams)


def _unpause(api: AirflowApi, chosen: Collection[str] | None = None) -> str:
    wait_for(
        lambda: len(api.dags()) > 0, timedelta(minutes=2), "Airflow to know a Dag; see ./soh logs airflow-dag-processor"
    )
    if errors := api.import_errors():
        raise SetupFailed("Dags that do not load:\n" + "\n".join(f"{file}: {stack}" for file, stack in errors.items()))
    paused = [dag_id for dag_id, is_paused in api.dags().items() if is_paused and (chosen is None or dag_id in chosen)]
    for dag_id in paused:
        api.unpause(dag_id)
    return f"{len(paused)} unpaused"


def wait_for_app(home: Home, name: str, say: Say, *, other_than: Collection[str] = ()) -> str:
    """Wait until a driver of the stream app runs on YARN, and return its id; drivers in `other_than` do not count.

    Raises SetupFailed with how the drivers before it ended.
    """
    yarn = ResourceManager(home.endpoints.yarn)
    seen: list[YarnApp] = []

    def running() -> list[str]:
        seen[:] = [app for app in yarn.apps(STREAM_APPS[name].yarn_tag) if app.id not in other_than]
        say(", ".join(f"{app.id} {app.state}" for app in seen if app.alive))
        return [app.id for app in seen if app.state is AppState.RUNNING]

    try:
        wait_for(lambda: bool(running()), MAIN_JOB_WITHIN, f"stream app {name} to run on YARN")
    except SetupFailed as error:
        ended = "; ".join(app.ending for app in seen if not app.alive)
        dag_id = STREAM_APPS[name].dag_id
        raise SetupFailed(
            f"{error}. {ended or f'None was launched: see {home.endpoints.airflow}/dags/{dag_id}'}"
        ) from None
    return running()[0]


def _kill_apps(home: Home) -> str:
    yarn = ResourceManager(home.endpoints.yarn)
    try:
        specs = (*STREAM_APPS.values(), *BATCH_APPS.values())
        alive = [app for spec in specs for app in yarn.apps(spec.yarn_tag) if app.alive]
        for app in alive:
            yarn.kill(app.id)
        for app in alive:
            yarn.wait_until_gone(app.id, timedelta(seconds=30))
    except SohError as error:
        # The sweep afterwards ends whatever containers are left.
        return f"asked in vain: {error}"
    return f"{len(alive)} ended"
