from pathlib import Path

import msgspec
import pytest

from monitor.errors import ConfigError
from monitor.registry.config import load_config
from monitor.registry.instants import instant_text
from monitor.registry.resolve import class_name
from monitor.registry.specs import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    AnnotationSpec,
    BaselineSpec,
    DataDriftSpec,
    KafkaSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    Thresholds,
    WindowSpec,
    config_hash,
)
from monitor.stats.categorical import canonical

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
SMALLEST = "models: [{id: m, signals: {data_drift: }}]"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(text, "c.yaml")
    return str(caught.value).splitlines()


def test_the_example_means_what_it_says() -> None:
    text = (EXAMPLES / "credit.yaml").read_text(encoding="utf-8")
    config = load_config(text, "credit.yaml")
    hourly = WindowSpec(size_ms=HOUR_MS, hop_ms=HOUR_MS, allowed_lateness_ms=10 * MINUTE_MS)
    psi, drop = Thresholds(0.1, 0.2, 0.3), Thresholds(0.03, 0.05, 0.1)
    expected = ModelSpec(
        id="credit-risk",
        risk_tier="high",
        owners={
            "business": "lending@example.com",
            "technical": "models@example.com",
            "operations": "on-call@example.com",
        },
        authority="dry_run",
        clock="append",
        disorder_ms=30_000,
        positive="default",
        features={
            "income": "numeric",
            "debt_ratio": "numeric",
            "age": "numeric",
            "postal_code": "categorical",
            "channel": "categorical",
        },
        baselines=(BaselineSpec(path="baselines/credit-risk.json"),),
        data_drift=DataDriftSpec(
            windows=(hourly,),
            thresholds={"psi": psi, "rates": Thresholds(0.01, 0.05, 0.1)},
            exclude=("channel",),
        ),
        prediction_drift=PredictionDriftSpec(
            windows=(hourly,), thresholds={"psi": psi, "js_divergence": Thresholds(0.1)}
        ),
        performance=PerformanceSpec(
            windows=(WindowSpec(size_ms=DAY_MS, hop_ms=DAY_MS, allowed_lateness_ms=HOUR_MS),),
            metric="f1",
            thresholds={"drop": drop, "concept": drop},
        ),
        labels=LabelsSpec(max_delay_ms=30 * DAY_MS, min_coverage=0.8),
    )
    assert len(config.models) == 1
    assert msgspec.structs.replace(config.models[0], config_hash="") == expected
    assert config.models[0].config_hash == config_hash(expected)
    assert (config.namespace, config.kafka, config.path) == (
        "watchkeeper", KafkaSpec(), "credit.yaml",
    )  # fmt: skip


def test_what_is_left_out_has_the_defaults_of_the_specification() -> None:
    text = "models: [{id: m, signals: {data_drift: , prediction_drift: , performance: }, labels: }]"
    config = load_config(text, "c.yaml")
    assert msgspec.structs.replace(config.models[0], config_hash="") == ModelSpec(
        id="m",
        data_drift=DataDriftSpec(),
        prediction_drift=PredictionDriftSpec(),
        performance=PerformanceSpec(),
        labels=LabelsSpec(),
    )


@pytest.mark.parametrize(
    ("keys", "delay_ms", "remembered_ms"),
    [
        ("", None, 0),
        ("reviews: ", 30 * DAY_MS, 30 * DAY_MS),
        ("reviews: {max_delay: 3d}", 3 * DAY_MS, 3 * DAY_MS),
        ("labels: {max_delay: 5d}", 5 * DAY_MS, 5 * DAY_MS),
        ("labels: {max_delay: 5d}, reviews: ", 5 * DAY_MS, 5 * DAY_MS),
        ("labels: {max_delay: 5d}, reviews: {max_delay: 3d}", 3 * DAY_MS, 5 * DAY_MS),
        ("labels: {max_delay: 5d}, reviews: {max_delay: 9d}", 9 * DAY_MS, 9 * DAY_MS),
    ],
)
def test_reviews_may_come_as_late_as_they_or_else_the_labels_declare(
    keys: str, delay_ms: int | None, remembered_ms: int
) -> None:
    text = f"models: [{{id: m, deduplicate: false, signals: {{data_drift: }}, {keys}}}]"
    (model,) = load_config(text, "c.yaml").models
    assert model.review_delay_ms == delay_ms
    assert model.join_ms == remembered_ms
    assert model.remembers == bool(keys)


@pytest.mark.parametrize(
    "text",
    [
        "models:\n- id: m\n  signals:\n    data_drift:\n",
        "- {id: m, signals: {data_drift: {}}}",
        "id: m\nsignals: {data_drift: }",
        "models: {id: m, signals: {data_drift: }}",
        "namespace: watchkeeper\n---\nid: m\nsignals: {data_drift: , performance: null}",
        "# 1st\nid: m  # the id\nsignals:\n  prediction_drift: ~\n  data_drift: {min_samples: 500}",
    ],
)
def test_one_model_may_be_written_in_many_ways(text: str) -> None:
    assert load_config(text, "c.yaml") == load_config(SMALLEST, "c.yaml")


def test_documents_and_lists_add_up() -> None:
    one = "id: a\nkafka: {bootstrap: 'k:1'}\nsignals: {data_drift: }\n"
    many = "models:\n- {id: b, signals: {data_drift: }}\n- {id: c, signals: {data_drift: }}\n"
    config = load_config(f"{one}---\n{many}---\nnamespace: n\n", "c.yaml")
    assert [model.id for model in config.models] == ["a", "b", "c"]
    assert (config.kafka.bootstrap, config.namespace) == ("k:1", "n")
    assert config.model("b") == config.models[1]
    assert config.model("d") is None


def test_an_alias_repeats_what_it_names() -> None:
    config = load_config(
        "id: m\nsignals:\n  data_drift: {window: &w {size: 2h}}\n  prediction_drift: {window: *w}",
        "c.yaml",
    )
    model = config.models[0]
    assert model.prediction_drift is not None
    assert model.prediction_drift.windows[0].size_ms == 2 * HOUR_MS


def test_words_are_words_and_versions_keep_their_zeros() -> None:
    config = load_config(
        "id: 1.10\npositive: no\nfeatures: {on: numeric, 2: categorical, ~: numeric}\n"
        "signals: {data_drift: }",
        "c.yaml",
    )
    model = config.models[0]
    assert (model.id, model.positive) == ("1.10", "no")
    assert model.features == {"on": "numeric", "2": "categorical", "~": "numeric"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("1", 1),
        ("1.0", 1.0),
        ("'1'", "1"),
        ("a", "a"),
        ("2.5", 2.5),
        ("-0.0", -0.0),
    ],
)
def test_the_positive_class_is_named_as_the_statistics_name_it(
    written: str, value: str | float
) -> None:
    config = load_config(f"id: m\npositive: {written}\nsignals: {{data_drift: }}", "c.yaml")
    assert config.models[0].positive == class_name(value) == canonical(value)


def test_order_comments_and_other_models_do_not_change_a_hash() -> None:
    one = "models:\n- id: m\n  disorder: 1m\n  signals: {data_drift: {features: {include: [a, b]}}}"
    other = (
        "models:\n- {id: n, signals: {data_drift: }}\n# now m\n- signals:\n"
        "    data_drift: {features: {include: [b, a]}, min_samples: 500}\n  disorder: 60s\n  id: m"
    )
    first, second = load_config(one, "1.yaml").model("m"), load_config(other, "2.yaml").model("m")
    assert first is not None
    assert second is not None
    assert first.config_hash == second.config_hash
    changed = load_config(one.replace("1m", "2m"), "1.yaml").models[0]
    assert changed.config_hash != first.config_hash


def test_a_threshold_may_be_switched_off_and_the_others_keep_their_defaults() -> None:
    text = "id: m\nsignals: {data_drift: {thresholds: {psi: {medium: null, critical: 0.5}}}}"
    drift = load_config(text, "c.yaml").models[0].data_drift
    assert drift is not None
    assert drift.thresholds["psi"] == Thresholds(None, 0.2, 0.5)
    assert drift.thresholds["rates"] == Thresholds(0.01, 0.05, 0.1)


def test_certificates_lie_beside_the_configuration() -> None:
    text = (EXAMPLES / "secure.yaml").read_text(encoding="utf-8")
    security = load_config(text, "/etc/wk/secure.yaml").kafka.security
    assert security is not None
    assert security.cafile == "/etc/wk/certificates/authority.pem"
    assert load_config(text.replace("certificates/", "/pki/"), "/etc/wk/x").kafka.security == (
        msgspec.structs.replace(security, cafile="/pki/authority.pem")
    )


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines() -> None:
    found = problems(
        "models:\n"
        "  - id: credit\n"
        "    authority: auto\n"
        "    signals:\n"
        "      data_drift:\n"
        "        windwo: {size: 1h}\n"
        "        min_samples: many\n"
        "  - id: other\n"
        "    signals: {data_drift: {window: {size: 1h, hop: 7m}}}\n"
    )
    assert found == [
        'c.yaml:3: models[0].authority "auto" is not available yet; use dry_run',
        'c.yaml:6: unknown key "windwo" in models[0].signals.data_drift; did you mean "window"?',
        'c.yaml:7: models[0].signals.data_drift.min_samples is "many"; expected a whole number',
        "c.yaml:9: models[1].signals.data_drift.window.hop is 7m, which does not divide the size "
        "1h; windows are made of whole hops",
    ]


def test_of_very_many_mistakes_the_first_twenty_are_told() -> None:
    found = problems("models:\n" + "- {}\n" * 30)
    assert found[0] == 'c.yaml:2: models[0] lacks "id"; add it'
    assert len(found) == 21
    assert found[-1] == "c.yaml: and 40 more"


def of_model(extra: str) -> str:
    return f"id: m\n{extra}\nsignals: {{data_drift: }}"


def scheduled(*effective_from: str, window: str = "{size: 1h}") -> str:
    """A model whose second baseline is on line 4."""
    entries = [f"- {{path: b.json, effective_from: {text}}}" for text in effective_from]
    drift = f"signals: {{data_drift: {{window: {window}}}}}"
    return "\n".join(["id: m", "baseline:", "- {path: a.json}", *entries, drift])


def annotated(from_: str, until: str, times: int = 1) -> str:
    return of_model(
        "annotations:" + f"\n- {{from: {from_}, until: {until}, why: a deploy}}" * times
    )


def of_drift(extra: str) -> str:
    return f"id: m\nsignals:\n  data_drift: {{{extra}}}"


def of_performance(extra: str, model: str = "labels: ") -> str:
    return f"id: m\n{model}\nsignals:\n  performance: {{{extra}}}"


def of_kafka(extra: str) -> str:
    return f"kafka: {{{extra}}}\nmodels: [{{id: m, signals: {{data_drift: }}}}]"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, 'there is no model; add one to a list under "models"'),
        ("models: []", 1, "there is no model"),
        ("hello", 1, 'a configuration is a mapping with the key "models"'),
        ("models: 3", 1, "models is no list"),
        ("models: [3]", 1, "models[0] is 3; expected a mapping of keys"),
        ("modles: []", 1, 'unknown key "modles" in the top level; did you mean "models"?'),
        ("models:\n\t- id: m", 2, "not YAML: found character '\\t'"),
        ("models: [", 1, "not YAML:"),
        ("a: b: c", 1, "not YAML: mapping values are not allowed here; check the indentation"),
        ("models: [*a]", 1, "not YAML: found undefined alias"),
        ("[" * 5000, 1, "nested too deeply"),
        ("? [a]\n: b", 1, "a key in the top level is no plain word"),
        ("models: []\nmodels: []", 2, 'key "models" appears twice'),
        ("namespace: a b\nmodels: []", 1, 'namespace is "a b"; expected 1 to 100 letters'),
        ("namespace: a\n---\nnamespace: b\nid: m\nsignals: {data_drift: }", 3, '"namespace" is'),
        (f"{SMALLEST}\n---\n{SMALLEST}", 3, 'model "m" is there twice, first on line 1'),
        ("models:\n- &a {id: m, signals: {data_drift: }}\n- *a", 2, 'model "m" is there twice'),
        ("signals: {data_drift: }", 1, 'the top level lacks "id"; add it'),
        ("id: m", 1, 'the top level lacks "signals"; add it'),
        ("id: m\nsignals: ", 2, "signals is empty; turn on data_drift, prediction_drift or"),
        ("id: m\nsignals: {data_drift: null}", 2, "signals is empty"),
        ("id: m\nsignals: {data_drfit: }", 2, 'unknown key "data_drfit" in signals; did you mean'),
        ("id: m\nid: m\nsignals: {data_drift: }", 2, 'key "id" appears twice in the top level'),
        ("id: ''\nsignals: {data_drift: }", 1, 'id is ""; expected 1 to 128 letters'),
        ("id:\nsignals: {data_drift: }", 1, "id is empty; expected 1 to 128 letters"),
        ('id: "a\\n"\nsignals: {data_drift: }', 1, 'id is "a\\n"; expected 1 to 128 letters'),
        ("id: [a]\nsignals: {data_drift: }", 1, "id is a list; expected"),
        ("id: a b\nsignals: {data_drift: }", 1, 'id is "a b"; expected 1 to 128 letters'),
        (f"id: {'a' * 129}\nsignals: {{data_drift: }}", 1, "…\"; expected 1 to 128 letters"),
        ("<<: {a: 1}\nid: m\nsignals: {data_drift: }", 1, '"<<" in the top level is not supported'),
        (of_model("task: ranking"), 2, 'task is "ranking"; known: classification, regression'),
        (of_model("risk_tier: hihg"), 2, 'risk_tier is "hihg"; did you mean "high"?'),
        (of_model("clock: {}"), 2, "clock is a mapping; known: append, events"),
        (of_model("authority: approve"), 2, 'authority "approve" is not available yet; use'),
        (of_model("disorder: 5"), 2, "disorder is 5; expected a duration such as 30s, 5m, 1h"),
        (of_model("disorder: 2d"), 2, "disorder is 2d; it must be at most 1d"),
        (of_model("deduplicate: yes"), 2, 'deduplicate is "yes"; expected true or false'),
        (of_model("repartition: maybe"), 2, 'repartition is "maybe"; expected true or false'),
        (of_model("columns: {}"), 2, '"columns" in the top level is not supported yet'),
        (of_model("owners: {bussiness: a}"), 2, 'unknown key "bussiness" in owners; did you mean'),
        (of_model("window: {}"), 2, 'unknown key "window" in the top level; known: annotations'),
        (of_model("hop: 1h"), 2, 'unknown key "hop" in the top level; it belongs in "window"'),
        (of_model("positive: [1]"), 2, "positive is a list; it must be text or a number"),
        (of_model("features: [a]"), 2, "features is a list; expected a mapping of keys"),
        (of_model("features: {a: numbr}"), 2, 'features.a is "numbr"; did you mean "numeric"?'),
        (of_model("features: {a: numeric, a: numeric}"), 2, 'key "a" appears twice in features'),
        (of_model(f"features: {{{'a' * 129}: numeric}}"), 2, "129 characters; at most 128"),
        (
            of_model("features: {" + ", ".join(f"f{n}: numeric" for n in range(501)) + "}"),
            2,
            "features has 501 keys; at most 500 are possible",
        ),
        (
            "id: m\nfeatures: {income: numeric}\n"
            "signals: {data_drift: {features: {include: [incom]}}}",
            3,
            'include "incom" is none of the declared features; did you mean "income"?',
        ),
        (
            of_model("features: {income: numeric}\npersonal: [incom]"),
            3,
            'personal names "incom", which is none of the declared features; did you mean',
        ),
        (of_model("personal: income"), 2, "personal is"),
        (annotated("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), 3, "not after from 2026-01-02"),
        (annotated("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), 3, "swap the two"),
        (
            annotated("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            3,
            "until is 2027-01-01T00:00:00Z, 365 days after from 2026-01-01T00:00:00Z; at most 31 "
            "are not judged at a time: mend the date, or write several",
        ),
        (annotated("2026-02-30T00:00:00Z", "2026-03-01T00:00:00Z"), 3, "from is 2026-02-30T00:00:"),
        (annotated("2026-02-01", "2026-03-01T00:00:00Z"), 3, "expected a time such as"),
        (of_model("annotations:\n- {from: 2026-03-01T00:00:00Z, why: x}"), 3, 'lacks "until"'),
        (
            of_model("annotations:\n- {since: 2026-03-01T00:00:00Z, why: x}"),
            3,
            'unknown key "since" in annotations[0]',
        ),
        (
            annotated("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", times=1001),
            2,
            "annotations has 1001 entries; at most 1000 are possible",
        ),
        (of_model("baseline: "), 2, 'baseline lacks "path"; add it'),
        (of_model("baseline: {path: ''}"), 2, 'baseline.path is ""; it must not be empty'),
        (of_model("baseline: {type: trailing, size: 7d}"), 2, '"size" in baseline belongs to a'),
        (of_model("baseline: {type: trailing}"), 2, 'type "trailing" is not supported yet; use'),
        (of_model("baseline: {id: a, path: b}"), 2, '"id" in baseline is not supported yet'),
        (
            of_model("baseline: {path: a, expires_after: 5m}"),
            2,
            "baseline.expires_after is 5m; it must be from 1d to 3660d",
        ),
        (
            of_model("baseline:\n- {path: a}\n- {path: b, effective_from: 2026-03-01T00:00:00Z,"
                     " expires_after: 0d}"),
            4,
            "baseline[1].expires_after is 0d",
        ),
        (of_model("baseline: []"), 2, "baseline has 0 entries; from 1 to 10 are possible"),
        (
            of_model(f"baseline: [{', '.join(['{path: a}'] * 11)}]"),
            2,
            "baseline has 11 entries; from 1 to 10 are possible",
        ),
        (
            of_model("baseline: {path: a, effective_from: 2026-03-01T00:00:00Z}"),
            2,
            "baseline.effective_from is of no use in the first baseline",
        ),
        (of_model("baseline:\n- {path: a}\n- {path: b}"), 4, 'baseline[1] lacks "effective_from"'),
        (scheduled("2026-03-01"), 4, 'effective_from is "2026-03-01"; expected a time such as'),
        (scheduled("2026-03-01T00:00:00"), 4, "expected a time such as 2026-03-01T00:00:00Z"),
        (scheduled("2026-02-30T00:00:00Z"), 4, "is 2026-02-30T00:00:00Z; there is no such time"),
        (
            scheduled("2026-03-01T02:30:00+02:00"),
            4,
            "within a pane: this model's windows are made of panes of up to 1h; the nearest "
            "boundaries are 2026-03-01T00:00:00Z and 2026-03-01T01:00:00Z",
        ),
        (
            scheduled("2026-03-01T05:00:00Z", window="[{size: 1h}, {size: 7d, hop: 1h}]"),
            4,
            "panes of up to 1d; the nearest boundaries are 2026-03-01T00:00:00Z and "
            "2026-03-02T00:00:00Z",
        ),
        (
            scheduled("2026-03-01T00:00:00Z", "2026-03-01T01:00:00+01:00"),
            5,
            "not after 2026-03-01T00:00:00Z of the one before; put them in order of time",
        ),
        (of_model("labels: {max_delay: 0s}"), 2, "labels.max_delay is 0s; it must be from 1m to"),
        (of_model("labels: {max_delay: 400d}"), 2, "labels.max_delay is 400d; it must be from 1m"),
        (
            of_model("approvers: [{name: ada, key: short}]"),
            2,
            'key is "short"; expected an Ed25519 public key: base64 of its 32 bytes, or the path',
        ),
        (of_model("approvers: [{name: ada, key: a.pem, roles: [x]}]"), 2, '"roles" in approvers'),
        (of_model("reviews: {max_delay: 0s}"), 2, "reviews.max_delay is 0s; it must be from 1m to"),
        (of_model("labels: {min_coverage: 0}"), 2, "min_coverage is 0; it must be more than 0"),
        (of_model("labels: {min_coverage: 1.1}"), 2, "min_coverage is 1.1; it must be at most 1"),
        (of_drift("disorder: 1m"), 3, 'in signals.data_drift; it belongs in "a model"'),
        (of_drift("persistence: {windows: 2}"), 3, '"persistence" in signals.data_drift is not'),
        (of_drift("min_samples: 0"), 3, "min_samples is 0; it must be at least 1"),
        (of_drift("min_samples: 1.5"), 3, "min_samples is 1.5; expected a whole number"),
        (of_drift("min_samples: true"), 3, "min_samples is true; expected a whole number"),
        (of_drift("features: {include: '*'}"), 3, 'include is "*"; expected a list, as in [a, b]'),
        (of_drift("window: 1h"), 3, 'window is "1h"; expected a mapping of keys'),
        ("id: m\nmax_alert_age: 30s\nsignals: {data_drift: }", 2, "max_alert_age is 30s; it must"),
        (of_drift("window: []"), 3, "window has 0 windows; from 1 to 14 are possible"),
        (of_drift("window: [1h]"), 3, 'window[0] is "1h"; expected a mapping of keys'),
        (
            of_drift("window: [\n    {size: 5m},\n    {size: 1h, hop: 7m}]"),
            5,
            "signals.data_drift.window[1].hop is 7m, which does not divide the size 1h",
        ),
        (
            of_drift("window: [{size: 1h}, {size: 1d}, {size: 1h, hop: 5m}]"),
            3,
            "window[2].size is 1h, like that of window[0]; keep the one of the shorter hop",
        ),
        (of_drift("window: [{sise: 1h}]"), 3, 'unknown key "sise" in signals.data_drift.window[0]'),
        (of_drift("window: {size: 1 h}"), 3, 'size is "1 h"; expected a duration'),
        (of_drift("window: {size: 30s}"), 3, "size is 30s; it must be whole minutes, at least 1m"),
        (of_drift("window: {size: 90s}"), 3, "size is 90s; it must be whole minutes, at least 1m"),
        (of_drift("window: {size: 1h, hop: 0m}"), 3, "hop is 0s; it must be whole minutes"),
        (of_drift("window: {size: 31d}"), 3, "size is 31d; a window is at most 30d long"),
        (of_drift("window: {size: 30d, hop: 5m}"), 3, "hop is 5m, 8640 times in 30d; a window is"),
        (of_drift("window: {size: 1h, hop: 2h}"), 3, "hop is 2h, which does not divide the size"),
        (of_drift("window: {allowed_lateness: 8d}"), 3, "allowed_lateness is 8d; it must be at"),
        (of_drift("thresholds: {psy: 1}"), 3, 'unknown key "psy" in signals.data_drift.thresholds'),
        (of_drift("thresholds: {psi: 1}"), 3, "thresholds.psi is 1; expected a mapping of keys"),
        (of_drift("thresholds: {psi: {medium: -1}}"), 3, "medium is -1; it must be at least 0"),
        (of_drift("thresholds: {psi: {medium: .nan}}"), 3, "medium is .nan; expected a number"),
        (of_drift("thresholds: {psi: {critical: .inf}}"), 3, "critical is .inf; expected a number"),
        (of_drift("thresholds: {rates: {critical: 2}}"), 3, "critical is 2; it must be at most 1"),
        (of_drift("thresholds: {psi: {medium: 0.2}}"), 3, "high is 0.2, not more than medium 0.2"),
        (
            of_drift("thresholds: {psi: {medium: 0.4, high: null}}"),
            3,
            "psi.critical is 0.3, not more than medium 0.4; limits must increase",
        ),
        (of_performance("", "owners: "), 4, "signals.performance needs labels; add `labels:"),
        (of_performance("", "labels: \ntask: regression"), 5, "of a regression model is not"),
        (of_performance("metric: recall"), 4, "metric is recall, which needs the positive class"),
        (of_performance("metric: auc"), 4, 'metric is "auc"; known: accuracy, f1, precision'),
        (of_performance("periods: 0"), 4, "periods is 0; it must be at least 1"),
        (
            of_performance("window: {provisional: true}"),
            4,
            "window.provisional is for data_drift and prediction_drift: performance is judged at",
        ),
        (
            of_performance("window: [{size: 1h}, {size: 2h, provisional: true}]"),
            4,
            "signals.performance.window[1].provisional is for data_drift",
        ),
        (of_drift("window: {provisional: 1}"), 3, "provisional is 1; expected true or false"),
        (of_kafka("bootstrap: localhost"), 1, 'bootstrap is "localhost"; expected host:port'),
        (of_kafka("bootstrap: 'a:99999'"), 1, "kafka.bootstrap has port 99999; ports are 1 to"),
        (of_kafka("partitions: 0"), 1, "kafka.partitions is 0; it must be at least 1"),
        (of_kafka("security: "), 1, 'kafka.security lacks "protocol"; add it'),
        (of_kafka("security: {password: x}"), 1, '"password" in kafka.security is a secret'),
        (of_kafka("security: {protocol: SASL_SSL}"), 1, "lacks 'username', which SASL_SSL needs"),
        (of_kafka("security: {protocol: SASL_SSL}"), 1, "lacks 'password_env', which SASL_SSL"),
        (of_kafka("security: {protocol: SSL, username: a}"), 1, "username has no effect with SSL"),
        (of_kafka("security: {protocol: PLAINTEXT, cafile: a}"), 1, "cafile has no effect with"),
        (of_kafka("security: {protocol: SSL, keyfile: a}"), 1, "keyfile needs certfile"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_remedy(text: str, line: int, told: str) -> None:
    found = [problem for problem in problems(text) if told in problem]
    assert found, problems(text)
    assert found[0].startswith(f"c.yaml:{line}: ")


def test_a_file_may_hold_so_many_models_and_no_more() -> None:
    models = "".join(f"- {{id: m{n}, signals: {{data_drift: }}}}\n" for n in range(1001))
    assert problems(models) == ["c.yaml:1: 1001 models; at most 1000 are possible"]


def test_each_baseline_may_expire() -> None:
    text = of_model(
        "baseline:\n- {path: a, expires_after: 90d}\n"
        "- {path: b, effective_from: 2026-03-01T00:00:00Z, expires_after: 1d}"
    )
    (model,) = load_config(text, "m.yaml").models
    assert [one.expires_after_ms for one in model.baselines] == [90 * DAY_MS, DAY_MS]
    (alone,) = load_config(of_model("baseline: {path: a, expires_after: 7d}"), "m.yaml").models
    assert alone.baselines[0].expires_after_ms == 7 * DAY_MS


def test_annotations_are_in_order_of_time() -> None:
    text = of_model(
        "annotations:\n"
        "- {from: 2026-03-02T00:00:00Z, until: 2026-03-02T06:00:00Z, why: a backfill}\n"
        "- {from: 2026-03-01T02:00:00+02:00, until: 2026-04-01T00:00:00Z, why: March}"
    )
    (model,) = load_config(text, "m.yaml").models
    march = 1_772_323_200_000
    assert model.annotations == (
        AnnotationSpec(from_ms=march, until_ms=march + 31 * DAY_MS, why="March"),
        AnnotationSpec(from_ms=march + DAY_MS, until_ms=march + 30 * HOUR_MS, why="a backfill"),
    )


def test_baselines_take_effect_one_after_the_other() -> None:
    text = scheduled("2026-03-01T02:00:00+02:00", "2026-06-01T00:00:00Z", window="{size: 1d}")
    (model,) = load_config(text, "m.yaml").models
    assert model.baselines == (
        BaselineSpec(path="a.json"),
        BaselineSpec(path="b.json", effective_from_ms=1_772_323_200_000),
        BaselineSpec(path="b.json", effective_from_ms=1_780_272_000_000),
    )


@pytest.mark.parametrize(
    ("window", "step"),
    [("{size: 5m}", 5 * MINUTE_MS), ("{size: 1h, hop: 5m}", HOUR_MS), ("{size: 1d}", DAY_MS),
     ("[{size: 30d, hop: 1d}, {size: 5m}]", DAY_MS), ("{size: 90m}", 45 * MINUTE_MS)],
)  # fmt: skip
def test_a_baseline_may_take_effect_wherever_no_sum_of_panes_holds_it(
    window: str, step: int
) -> None:
    """Every multiple of the longest unit that windows are made of, and nothing between."""
    for n in range(0, 2 * DAY_MS, 15 * MINUTE_MS):
        at = 20_000 * DAY_MS + n
        text = scheduled(instant_text(at), window=window)
        if at % step == 0:
            assert load_config(text, "m.yaml").models[0].baselines[1].effective_from_ms == at
        else:
            with pytest.raises(ConfigError, match="within a pane") as refused:
                load_config(text, "m.yaml")
            for near in (at - at % step, at - at % step + step):
                assert instant_text(near) in str(refused.value)
