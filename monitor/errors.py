"""The exceptions of Watchkeeper, each one line that a person can act on.

::

    WatchkeeperError             the command line prints it without a traceback and exits 2
    ├── ConfigError              a configuration that cannot be used
    ├── BaselineError            a baseline that is missing, expired or of another shape
    │   └── GridMismatch         two counts over different bins do not merge
    ├── DataError                a file or column that cannot be read or judged
    ├── InvalidEvent             an event that its producer must mend
    ├── BrokerError              what Kafka or the way to it refuses
    │   ├── BrokerUnreachable    nothing answers at the configured address
    │   ├── TopicMissing         a topic that was never created
    │   ├── TopicMismatch        a topic recreated, truncated or repartitioned
    │   ├── PortInUse            the embedded broker's port is taken
    │   └── JarsUnavailable      the embedded broker's jars cannot be had, or are not ours
    ├── StoreError               a worker's local cache that cannot be read or written
    ├── StaleCache               a local cache that is not of the log before us
    ├── MigrationRefused         a state that cannot be carried over to other partitions
    └── Fenced                   another worker owns this partition now
"""


class WatchkeeperError(Exception):
    """An error whose text is one line: the value, the limit and the remedy."""


class ConfigError(WatchkeeperError):
    """A configuration that cannot be used; the text names file, line and key."""


class BaselineError(WatchkeeperError):
    """A baseline that is missing, unreadable or unfit for its model."""


class GridMismatch(BaselineError):
    """Counts over two different sets of bins, which never merge."""


class DataError(WatchkeeperError):
    """A file or a column that cannot be read or judged."""


class InvalidEvent(WatchkeeperError):
    """An event refused before it was sent; the text names the field."""


class BrokerError(WatchkeeperError):
    """A refusal by Kafka, or by the way to it."""


class BrokerUnreachable(BrokerError):
    """Nothing answers at the configured address."""


class TopicMissing(BrokerError):
    """A topic that was never created."""


class TopicMismatch(BrokerError):
    """A topic that was recreated, truncated or repartitioned under our state."""


class PortInUse(BrokerError):
    """The port wanted by the embedded broker is taken."""


class JarsUnavailable(BrokerError):
    """The embedded broker's jars cannot be fetched, or differ from their checksums."""


class StoreError(WatchkeeperError):
    """A worker's local cache that cannot be read or written, as on a full disk."""


class StaleCache(WatchkeeperError):
    """A local cache that is not of the log that it was made from: it has to be made anew."""


class MigrationRefused(WatchkeeperError):
    """A state that cannot be carried over to another number of partitions."""


class Fenced(WatchkeeperError):
    """Another worker owns this partition now; this one must end."""
