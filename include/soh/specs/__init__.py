"""What exists: frozen declarations from which ids, paths, schemas, settings and Dags are derived."""

from soh.specs.apps import BATCH_APPS, BatchAppSpec, SparkAppSpec
from soh.specs.fleets import FLEETS, FleetSpec, HistoryState
from soh.specs.groups import CONSUMER_GROUPS, ConsumerGroupSpec
from soh.specs.models import MODELS, ModelSpec, State
from soh.specs.schemas import Field, FieldType, RecordSchema
from soh.specs.streams import STREAM_APPS, STREAMS, ScoringStreamSpec, StreamAppSpec, StreamSpec
from soh.specs.tables import TABLES, TableSpec
from soh.specs.topics import TOPICS, TopicSpec
from soh.specs.views import VIEWS, ViewSpec

__all__ = [
    "BATCH_APPS",
    "CONSUMER_GROUPS",
    "FLEETS",
    "MODELS",
    "STREAMS",
    "STREAM_APPS",
    "TABLES",
    "TOPICS",
    "VIEWS",
    "BatchAppSpec",
    "ConsumerGroupSpec",
    "Field",
    "FieldType",
    "FleetSpec",
    "HistoryState",
    "ModelSpec",
    "RecordSchema",
    "ScoringStreamSpec",
    "SparkAppSpec",
    "State",
    "StreamAppSpec",
    "StreamSpec",
    "TableSpec",
    "TopicSpec",
    "ViewSpec",
]
