"""Pictures: their scale, their marks, and names that stay text whatever they contain."""

from xml.etree import ElementTree

from bonifiq_async._pages.pictures import Axis, Bar, Moments, Series, bars, over_time


def test_a_label_cannot_break_the_bars() -> None:
    drawn = bars("a & b", "<note>", [Bar('<"x">', 0.0, "0 & 1", 0.0, 0.0)])
    assert '<"x">' in [text.text for text in ElementTree.fromstring(drawn).iter()]


def drawn(*series: Series, marks: Moments | None = None) -> list[str]:
    """Return the paths of a picture, as they are drawn."""
    figure = ElementTree.fromstring(over_time(series, Axis("top", "begin", "end"), marks))
    return [path.get("d") or "" for path in figure.iter("path")]


def test_series_share_one_scale() -> None:
    """The highest count of all reaches the top; a count of zero is not drawn."""
    assert drawn(Series("ended", (4, 0, 2), "good"), Series("failed", (1, 0, 0), "bad")) == [
        "M0 100V0.00h1V100zM2 100V50.00h1V100z",
        "M0 100V75.00h1V100z",
    ]


def test_nothing_at_all_can_be_drawn() -> None:
    assert drawn(Series("ended", (), "good")) == [""]
    assert drawn(Series("ended", (0, 0), "good"), marks=Moments("kills", (0.0, 1.0))) == [
        "",
        "M0.000 0V100M2.000 0V100",
    ]
