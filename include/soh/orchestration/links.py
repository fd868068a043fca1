"""Links on a Spark app's task: to YARN, the driver's log, the checkpoints or the figures.

The operator stores the addresses as XComs before it defers, so they work while the app runs and
after its end; the plugin hangs the links on the operators.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.sdk import BaseOperatorLink
from airflow.serialization.definitions.operatorlink import XComOperatorLink

from soh.orchestration.batch_app import BatchAppOperator
from soh.orchestration.night import NightOperator
from soh.orchestration.retrain import TrainOperator
from soh.orchestration.spark_app import LinkKey
from soh.orchestration.stream_app import StreamAppOperator

# Airflow looks for the very class of a task: a subclass stands beside its base.
_APPS: list[Any] = [StreamAppOperator, BatchAppOperator, NightOperator, TrainOperator]


class StoredLink(BaseOperatorLink):
    """A link whose address the task stored under `key`."""

    label: ClassVar[str]
    key: ClassVar[LinkKey]

    @property
    def name(self) -> str:
        return self.label

    @property
    def xcom_key(self) -> str:
        return self.key.value

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Empty (a grey button) until the app is submitted."""
        return XComOperatorLink(name=self.name, xcom_key=self.xcom_key).get_link(operator, ti_key=ti_key)


class YarnApplicationLink(StoredLink):
    """The application's page at the ResourceManager."""

    label = "YARN application"
    key = LinkKey.YARN_APPLICATION
    operators: ClassVar[list[Any]] = _APPS


class DriverLogLink(StoredLink):
    """The driver's log at its NodeManager."""

    label = "Driver log"
    key = LinkKey.DRIVER_LOG
    operators: ClassVar[list[Any]] = _APPS


class CheckpointLink(StoredLink):
    """Listing of the checkpoints at the NameNode, one folder per stream."""

    label = "Checkpoints"
    key = LinkKey.CHECKPOINTS
    operators: ClassVar[list[Any]] = [StreamAppOperator]


LINKS = (YarnApplicationLink(), DriverLogLink(), CheckpointLink())
