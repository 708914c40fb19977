"""A configuration's text to frozen specifications, or one error with everything that is wrong."""

from collections.abc import Iterator
from typing import Any

from monitor.errors import ConfigError
from monitor.registry import shape
from monitor.registry.limits import MAX_MODELS
from monitor.registry.nodes import MappingNode, Node, ScalarNode, SequenceNode, compose
from monitor.registry.problems import Problems
from monitor.registry.reading import WRONG, read
from monitor.registry.resolve import resolve_model
from monitor.registry.resolve_shared import resolve_approvers, resolve_kafka
from monitor.registry.specs import ApproverSpec, Config, KafkaSpec, MetricsSpec, ModelSpec


def load_config(text: str, path: str) -> Config:
    """Return the configuration in `text`; `path` is its file, for errors and relative paths.

    Models stand in a list under `models`, alone at the top level, or one to a YAML document.
    Raises ConfigError with a line `<path>:<line>: <what is wrong>; <remedy>` for each problem.

    >>> config = load_config("{id: credit, signals: {data_drift: }}", "credit.yaml")
    >>> config.models[0].data_drift.windows[0].size_ms
    3600000
    """
    return _Reader(path).read(text)


class _Reader:
    """Gathers the models of all documents, and the settings that they share."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = path.replace("\\", "/").rpartition("/")[0]
        self.problems = Problems(path)
        self.namespace: str | None = None
        self.kafka: KafkaSpec | None = None
        self.metrics: MetricsSpec | None = None
        self.approvers: tuple[ApproverSpec, ...] | None = None
        self.models: list[ModelSpec] = []
        self.first_line: dict[str, int] = {}
        self.met = 0

    def read(self, text: str) -> Config:
        for document in compose(text, self.path):
            self._document(document)
        if not self.met and not len(self.problems):
            raise ConfigError(f'{self.path}:1: there is no model; add one to a list under "models"')
        if self.met > MAX_MODELS:
            self.problems.add(1, f"{self.met} models; at most {MAX_MODELS} are possible")
        self.problems.report()
        return Config(
            namespace=self.namespace or "watchkeeper",
            kafka=self.kafka or KafkaSpec(),
            metrics=self.metrics or MetricsSpec(),
            approvers=self.approvers or (),
            models=tuple(self.models),
            path=self.path,
        )

    def _document(self, node: Node) -> None:
        if isinstance(node, SequenceNode):
            self._list(node, "models")
        elif not isinstance(node, MappingNode):
            self.problems.add(_line(node), 'a configuration is a mapping with the key "models"')
        elif _is_model(node):
            self._alone(node)
        else:
            self._file(node)

    def _file(self, node: MappingNode) -> None:
        """A document with `models`: they are read one by one, so that each is judged alone."""
        models = [pair for pair in node.value if pair[0].value == "models"]
        rest = [pair for pair in node.value if pair not in models]
        if len(models) > 1:
            self.problems.add(
                _line(models[1][0]), 'key "models" appears twice; make one list of it'
            )
        head = read(
            MappingNode(node.tag, rest, node.start_mark, node.end_mark),
            shape.File, "", self.problems,
        )  # fmt: skip
        self._shared(node, head)
        for key, value in models[:1]:
            self.problems.locate("models", _line(key))
            if isinstance(value, SequenceNode):
                self._list(value, "models")
            elif isinstance(value, MappingNode):
                self._model(value, "models", value)
            else:
                self.problems.at("models", "is no list; write each model as `- id: …`")

    def _list(self, node: SequenceNode, where: str) -> None:
        for item in node.value:
            self._model(item, f"{where}[{self.met}]", item)

    def _alone(self, node: MappingNode) -> None:
        alone = read(node, shape.Alone, "", self.problems)
        self.met += 1
        self._shared(node, alone)
        if alone is not WRONG:
            self._admit(alone, "", node)

    def _model(self, node: Node, where: str, at: Node) -> None:
        self.met += 1
        model = read(node, shape.Model, where, self.problems)
        if model is not WRONG:
            self._admit(model, where, at)

    def _admit(self, model: shape.Model, where: str, node: Node) -> None:
        line = _line(node)
        if model.id in self.first_line:
            first = self.first_line[model.id]
            self.problems.add(
                line, f'model "{model.id}" is there twice, first on line {first}; rename one'
            )
        self.first_line.setdefault(model.id, line)
        self.models.append(resolve_model(model, where, self.problems))

    def _shared(self, node: MappingNode, head: Any) -> None:
        """Take over what all models share, which one document of a file may set."""
        keys = {name: _line(key) for name, key in _names(node)}
        for key in ("namespace", "kafka", "metrics", "approvers"):
            if key in keys and getattr(self, key) is not None:
                self.problems.add(keys[key], f'"{key}" is set twice; set it in one document only')
        if head is WRONG:
            return
        if "namespace" in keys:
            self.namespace = head.namespace
        if "kafka" in keys:
            self.kafka = resolve_kafka(head.kafka, self.folder, self.problems)
        if "approvers" in keys:
            self.approvers = resolve_approvers(head.approvers, self.folder, self.problems)
        if "metrics" in keys:
            self.metrics = MetricsSpec(host=head.metrics.host, port=head.metrics.port)


def _is_model(node: MappingNode) -> bool:
    """Whether a document is one model itself: it has keys of a model, and no list of them."""
    keys = {name for name, _ in _names(node)}
    return "models" not in keys and bool(keys & set(shape.Model.__struct_fields__))


def _names(node: MappingNode) -> Iterator[tuple[str, Node]]:
    for key, _ in node.value:
        if isinstance(key, ScalarNode):
            yield key.value, key


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1
