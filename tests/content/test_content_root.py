"""Where the content lies."""

from kmemquest.content import assets_root, content_root, levels_root


def test_levels_and_assets_are_found() -> None:
    assert (levels_root() / "campaign.yaml").is_file()
    assert assets_root().parent == content_root()
    assert (assets_root() / "schema" / "level-v1.json").is_file()
