"""What our own builder makes is what kustomize makes, wherever that is installed."""

from pathlib import Path

import pytest
import yaml

from tests.unit.k8s.kustomize import K8S, OVERLAYS, NotUsedError, Object, build, builders


def in_order(objects: list[Object]) -> list[Object]:
    return sorted(objects, key=lambda one: (one["apiVersion"], one["kind"], one["metadata"]["name"]))


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("builder", builders())
def test_every_builder_makes_the_same(builder: str, overlay: str) -> None:
    folder = K8S / "overlays" / overlay
    assert in_order(builders()[builder](folder)) == in_order(build(folder))


def test_a_change_of_the_settings_makes_a_new_name_and_every_pod_follows() -> None:
    for overlay in OVERLAYS:
        objects = build(K8S / "overlays" / overlay)
        [config] = [one["metadata"]["name"] for one in objects if one["metadata"]["name"].startswith("showdrop-config")]
        assert config != "showdrop-config"
        text = yaml.safe_dump(objects)
        assert text.count(f"name: {config}\n") == 1 + 4  # itself, three roles, the migrations
    names = [one["metadata"]["name"] for overlay in OVERLAYS for one in build(K8S / "overlays" / overlay)]
    assert len({name for name in names if name.startswith("showdrop-config")}) == len(OVERLAYS)


@pytest.mark.parametrize(
    "text",
    [
        "namespace: x\nnamePrefix: y",
        "namespace: x\nconfigMapGenerator: [{name: a, files: [b]}]",
        "namespace: x\npatches: [{path: a.yaml}]",
    ],
)
def test_what_the_builder_does_not_know_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(text)
    with pytest.raises(NotUsedError):
        build(tmp_path)
