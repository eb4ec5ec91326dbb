"""Lineage answers both ways, for corpora that have changed or gone too; the gate refuses with every reason named."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from talkie.curation.books import takedown
from talkie.errors import BadInput, PromotionRefused
from talkie.experiments import list_versions, resolve_model
from talkie.experiments.corpora import log_corpus
from talkie.experiments.deployments import deployed
from talkie.experiments.heritage import log_parent
from talkie.experiments.promotion import promote, unsuitable
from talkie.experiments.trace import model_lineage, trace
from talkie.experiments.tracking import client, end_run, log_json, register_model, start_run
from talkie.shards import RawClip, commit, open_dataset
from talkie.systems import load_system, make_config, save_system
from tone_clips import tone_clip

TOOLS = {"talkie": "talkie 1", "head.npz": "fitter 2", "pose.npz": "poser 3", "identity": "faces 4"}
LICENCES = {"head.npz": "Apache-2.0", "pose.npz": "non-commercial", "identity": "MIT"}


def clip(seed, identity, split="train", **values):
    raw = tone_clip(seed, identity, split)
    known = {"licence": "CC-BY-4.0", "consent": "given", "tools": TOOLS, "tool_licences": LICENCES}
    source = raw.record.source.model_copy(update={"uri": f"file:///{identity}.mp4", "name": f"{identity}.mp4"})
    return RawClip(raw.record.model_copy(update={"source": source, **known, **values}), raw.members)


def shards(folder, *clips):
    return commit(folder, clips, settings={"maker": "tests"})


@pytest.fixture
def corpus(tmp_path):
    people = [clip(1, "ann"), clip(2, "ann"), clip(3, "bea"), clip(9, "dan", "test"), clip(10, "eva", "test")]
    return shards(tmp_path / "shards", *people)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    cls = load_system("unitalker")
    torch.manual_seed(0)
    system = cls(make_config(cls, "tiny", {"channels": 16, "audio_channels": 16}))
    system.prepare([clip(1, "ann").decode(("flac", "head.npz")), clip(3, "bea").decode(("flac", "head.npz"))])
    return root / "model", save_system(system, root / "model")


@pytest.fixture
def trained(tmp_path, new_home, weights):
    """Registers a model that was trained on corpora, measured or not; returns its home."""
    home = new_home(tmp_path / "home")

    def register(*corpora, measured=True, name="run"):
        folder, digest = weights
        run_id = start_run(home, "speech_to_motion", name, {}, {"git": "abc"})
        for dataset in corpora:
            log_corpus(home, run_id, dataset)
        register_model(home, run_id, folder, "unitalker", digest)
        if measured:
            report = {"digest": digest, "split": "test", "rows": [{"subject": "model"}]}
            log_json(home, run_id, report, "evaluation-1.json")
        end_run(home, run_id)
        return home

    return register


def test_a_model_leads_to_its_shards_sources_licences_consents_and_labels(corpus, trained, tmp_path):
    more = shards(tmp_path / "more", clip(20, "cid", licence="owned", consent="contract"))
    home = trained(corpus, more)
    found = model_lineage("unitalker", home)
    assert (found.model, found.run.name, found.run.tags["git"]) == ("unitalker/1", "run", "abc")
    by_place = {Path(c.place).name: c for c in found.corpora}
    first, second = by_place["shards"], by_place["more"]
    assert (first.digest, first.now, first.clips, first.identities) == (corpus.digest, "unchanged", 3, 2)
    assert (first.licences, first.consents) == ({"CC-BY-4.0": 3}, {"given": 3})
    assert sum(first.shards.values()) == 3
    assert [(s.uri, s.clips) for s in first.sources] == [("file:///ann.mp4", 1)] * 2 + [("file:///bea.mp4", 1)]
    assert ("head.npz", "fitter", "2", "Apache-2.0", 5) in {tuple(vars(row).values()) for row in first.labels}
    assert (second.licences, second.consents, second.unknown) == ({"owned": 1}, {"contract": 1}, ())


def test_lineage_stands_after_a_takedown_and_after_the_folder_is_gone(corpus, trained, tmp_path):
    home = trained(corpus)
    taken = sorted(i for i, e in corpus.entries.items() if e.identity == "ann")
    takedown(tmp_path / "shards", "ann")
    (after,) = model_lineage("unitalker", home).corpora
    assert (after.now, after.clips, after.taken_down, after.left) == ("changed", 3, 2, 2)
    assert after.licences == {"CC-BY-4.0": 3}
    assert [s.uri for s in after.sources] == ["file:///bea.mp4"]
    assert "sources and people of 2 clips" in after.unknown[0]
    for one in taken:
        assert [use.name for use in trace("clip", one, home).trained] == ["run"]
    shutil.rmtree(tmp_path / "shards")
    (gone,) = model_lineage("unitalker", home).corpora
    assert (gone.now, gone.clips, gone.identities) == ("gone", 3, 2)
    assert [use.name for use in trace("clip", taken[0], home).trained] == ["run"]


def test_people_of_a_models_beginning_lead_to_it_even_where_that_corpus_is_gone(corpus, trained, weights, tmp_path):
    home = trained(corpus, name="first")
    shutil.rmtree(tmp_path / "shards")
    later = start_run(home, "speech_to_motion", "later", {}, {})
    log_corpus(home, later, shards(tmp_path / "more", clip(20, "cid", licence="owned", consent="contract")))
    log_parent(home, later, weights[0])
    register_model(home, later, weights[0], "tuned", "0" * 64)
    one = next(i for i, e in corpus.entries.items() if e.identity == "bea")
    assert [use.name for use in trace("clip", one, home).trained] == ["first", "later"]
    assert {c.licences.popitem() for c in model_lineage("tuned", home).corpora} == {("CC-BY-4.0", 3), ("owned", 1)}


def test_a_model_that_began_with_one_of_unknown_data_is_refused(corpus, trained, weights, tmp_path):
    home = trained(corpus)
    stranger = tmp_path / "stranger"
    shutil.copytree(weights[0], stranger)
    card = stranger / "card.json"
    card.write_text(card.read_text() + "\n")
    record = json.loads((stranger / "digest.json").read_text())
    record["files"]["card.json"] = hashlib.sha256(card.read_bytes()).hexdigest()
    (stranger / "digest.json").write_text(json.dumps(record))
    log_parent(home, resolve_model("unitalker", home).run_id, stranger)
    with pytest.raises(PromotionRefused, match="what the model that it began with was trained on is not recorded"):
        promote("unitalker", "champion", home)


def test_what_was_kept_names_nobody(corpus, trained):
    home = trained(corpus)
    (kept,) = (home.path / "corpora").iterdir()
    data = kept.read_bytes()
    for name in (b"ann", b"bea", b"file:///", *(e.source.encode() for e in corpus.entries.values())):
        assert name not in data


def test_a_clip_a_person_and_a_source_lead_to_models_aliases_and_services(corpus, trained, tmp_path):
    home = trained(corpus, name="whole")
    trained(shards(tmp_path / "other", clip(30, "cid")), name="other")
    client(home).set_registered_model_alias("unitalker", "champion", "1")
    one = next(i for i, e in corpus.entries.items() if e.identity == "bea")
    with deployed(home, [resolve_model("unitalker/1", home)], "http://127.0.0.1:8000"):
        for kind, target in (("clip", one), ("identity", "bea"), ("source", "file:///bea.mp4"), ("source", "bea.mp4")):
            (use,) = trace(kind, target, home).trained
            assert (use.name, use.models) == ("whole", ("unitalker/1",))
            assert use.aliases == {"unitalker/1": ("champion",)}
            assert list(use.deployed["unitalker/1"]) == ["http://127.0.0.1:8000"]
    assert trace("identity", "cid", home).trained[0].deployed == {}
    # The test split is not trained on.
    assert trace("identity", "dan", home).trained == ()
    with pytest.raises(BadInput, match="no corpus"):
        trace("identity", "nobody", home)


def test_a_person_who_was_taken_down_is_answered_with_what_can_still_be_said(corpus, trained, tmp_path):
    home = trained(corpus, name="before")
    takedown(tmp_path / "shards", "ann")
    trained(open_dataset(tmp_path / "shards"), name="after")
    found = trace("identity", "ann", home)
    assert (found.trained, found.clips) == ((), None)
    assert [use.name for use in found.possible] == ["before"]
    assert "which of the 2 clips that were taken down" in found.unknown[0]


def test_a_model_that_was_measured_on_fit_data_is_promoted_and_other_aliases_stay(corpus, trained):
    home = trained(corpus)
    client(home).set_registered_model_alias("unitalker", "challenger", "1")
    trained(corpus)
    done = promote("unitalker/2", "champion", home, use="commercial")
    assert (done.model, done.before, done.overruled) == ("unitalker/2", None, ())
    assert promote("unitalker/1", "champion", home).before == 2
    assert [(v.version, v.aliases) for v in list_versions("unitalker", home)] == [
        (2, ()),
        (1, ("challenger", "champion")),
    ]


@pytest.mark.parametrize(
    ("values", "use", "says"),
    [
        ({"licence": "CC-BY-NC-4.0"}, "commercial", "1 clips of .* 'CC-BY-NC-4.0', which forbids commercial use"),
        ({"licence": "unknown"}, "research", "nobody has said under which licence"),
        ({"licence": "agreement"}, "commercial", "does not say that commercial use is allowed"),
        ({"licence": "CC-BY-ND-4.0"}, "commercial", "forbids derivatives"),
        ({"consent": "Withdrawn"}, "research", "consent to 1 clips of .* was withdrawn"),
        (
            {"tool_licences": {**LICENCES, "head.npz": "non-commercial"}},
            "commercial",
            "head.npz of 1 clips",
        ),
        ({"tool_licences": {**LICENCES, "identity": "research-only"}}, "commercial", "identity of 1 clips"),
    ],
)
def test_data_and_labels_that_may_not_be_used_so_are_refused_by_name(tmp_path, trained, values, use, says):
    home = trained(shards(tmp_path / "shards", clip(1, "ann"), clip(3, "bea", **values)))
    with pytest.raises(PromotionRefused, match=says):
        promote("unitalker", "champion", home, use=use)
    assert list_versions("unitalker", home)[0].aliases == ()


def test_a_missing_measurement_a_takedown_and_a_later_withdrawal_are_refused(corpus, trained, tmp_path):
    home = trained(corpus, measured=False)
    takedown(tmp_path / "shards", "ann")
    shards(tmp_path / "shards", clip(3, "bea", consent="withdrawn"))
    with pytest.raises(PromotionRefused) as caught:
        promote("unitalker", "champion", home)
    for says in ("talkie evaluate unitalker/1", "2 clips of", "taken down since", "consent to 1 clips"):
        assert says in str(caught.value)


def test_a_measurement_of_other_weights_does_not_count(corpus, trained):
    home = trained(corpus, measured=False)
    run_id = resolve_model("unitalker", home).run_id
    log_json(home, run_id, {"digest": "of others", "split": "test", "rows": [1]}, "evaluation-1.json")
    log_json(home, run_id, {"digest": resolve_model("unitalker", home).digest, "split": "train", "rows": [1]},
             "evaluation-2.json")  # fmt: skip
    with pytest.raises(PromotionRefused, match="no measurement"):
        promote("unitalker", "champion", home)


def test_force_is_kept_with_its_reason_until_nothing_speaks_against_it(corpus, trained):
    home = trained(corpus, measured=False)
    done = promote("unitalker", "champion", home, reason="a demo for the team")
    assert [r.cause for r in done.overruled] == ["bench_missing"]
    tags = client(home).get_model_version("unitalker", "1").tags
    assert tags["promotion.champion.forced"] == "a demo for the team"
    assert "no measurement" in tags["promotion.champion.overruled"]
    assert list_versions("unitalker", home)[0].forced == "a demo for the team"
    handle = resolve_model("unitalker", home)
    log_json(home, handle.run_id, {"digest": handle.digest, "split": "test", "rows": [1]}, "evaluation-1.json")
    promote("unitalker", "champion", home)
    assert list_versions("unitalker", home)[0].forced == ""


@pytest.mark.parametrize("alias", ["latest", "v1", "", "a b"])
def test_what_is_no_alias_is_refused(corpus, trained, alias):
    with pytest.raises(BadInput, match="is no alias"):
        promote("unitalker", alias, trained(corpus))


@pytest.mark.parametrize(
    ("licence", "commercial", "research"),
    [("owned", True, True), ("CC0-1.0", True, True), ("CC-BY-SA-4.0", True, True), ("research-only", False, True),
     ("CC-BY-NC-ND-4.0", False, True), ("LicenseRef-ours", False, True), ("unknown", False, False),
     ("my own words", False, False)],
)  # fmt: skip
def test_what_each_licence_allows(licence, commercial, research):
    assert (unsuitable(licence, "commercial") is None, unsuitable(licence, "research") is None) == (
        commercial,
        research,
    )


def test_bytes_that_are_no_table_are_named(corpus, trained):
    from talkie.errors import TalkieError

    home = trained(corpus)
    (kept,) = (home.path / "corpora").iterdir()
    kept.write_bytes(json.dumps({}).encode())
    with pytest.raises(TalkieError, match="does not parse"):
        model_lineage("unitalker", home)
