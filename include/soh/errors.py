"""What can go wrong, sorted by what to do about it: try again, or change something first."""

TRY_AGAIN = 75
"""Exit code of an app that ended by a TransientError (EX_TEMPFAIL of sysexits.h)."""


class SohError(Exception):
    """Base of every error of this project; the message says what is, what should be, where to look."""


class TransientError(SohError):
    """May be gone at the next try without anybody's hand: a server that restarts, a slow disk."""


class PermanentError(SohError):
    """Stays until somebody changes a declaration, an input or a setting; retrying is waste."""


class ServerUnreachable(TransientError):
    """A server did not answer, or answered with an error of its own."""


class TopicMissing(TransientError):
    """A declared topic is not on the broker, and did not come while it was waited for."""


class QueryDied(TransientError):
    """A streaming query ended by an exception, and its app with it."""


class RewriteConflict(TransientError):
    """Other writers of a table were faster at every attempt to commit a rewrite."""


class AppLost(TransientError):
    """A YARN application died without a last word, or its last word was that a server did not answer: not its code."""


class AppNotGone(TransientError):
    """A killed YARN application still has containers, so a second driver must not be started."""


class AppFailed(PermanentError):
    """A YARN application ended otherwise than it should have."""


class BadDeclaration(PermanentError):
    """A declaration in `soh.specs` contradicts itself or another one."""


class TableConflict(PermanentError):
    """A table of the lake has a column that contradicts its declaration."""


class BadInput(PermanentError):
    """A file, parameter or record from outside has the wrong shape."""


class CheckpointUnreadable(PermanentError):
    """A Spark checkpoint holds something this project does not know how to read."""


class ProofFailed(PermanentError):
    """Content before and after a rewrite differs; the rewrite has been undone."""


class ModelRefused(PermanentError):
    """A model artefact is none, or tells other states by other features than are declared."""


class ArtefactMissing(PermanentError):
    """A registered model's artefact is not in the object store."""


class ArtefactAltered(PermanentError):
    """A model's artefact is not the one that was registered: its SHA-256 is another."""


class SetupFailed(PermanentError):
    """The machine lacks something that `./soh up` needs and could not put there."""
