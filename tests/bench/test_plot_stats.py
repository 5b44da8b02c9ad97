# SPDX-License-Identifier: MIT
"""The parser of plot_stats.py. Runs on the host alone: no xihv is built or started."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import plot_stats  # noqa: E402

# stats.md's sample, as a console shows it
SAMPLE = """\
XI shadow performance statistics for the last 302 seconds
Op type                        # of Operations                                  Total     Avg   Tick Profile
        <2usec  <3usec <4usec <8usec <16usec <32usec <64usec >=64usec        ops/msec    usec   In Op Locked Total
pfault 23078414 4694139 485499 613419 396088 1427265  11976     8228        30715028    2.43       0      0     0
          75.1%   15.2%   1.5%   1.9%   1.2%    4.6%   0.0%     0.0%           74690
sync_all   1734      97    169 305433 484991  174300 150199   130405         1247328   33.51       0      0     0
           0.1%    0.0%   0.0%  24.4%  38.8%   13.9%  12.0%    10.4%           41810
pf_fixed      30715028
"""


def test_the_sample():
    (table,) = plot_stats.parse(SAMPLE)
    assert (table.kind, table.seconds, table.guest) == ("XI", 302, None)
    assert list(table.ops) == ["pfault", "sync_all"]
    pfault = table.ops["pfault"]
    assert pfault.buckets == [23078414, 4694139, 485499, 613419, 396088, 1427265, 11976, 8228]
    assert (pfault.total, pfault.avg_usec, pfault.msec) == (30715028, 2.43, 74690)
    assert not table.check()


def test_a_log_with_everything_between():
    lines = SAMPLE.splitlines()
    log = ("\x1b[6n/ # ls\r\n" + "\r\n".join(f"(xihv) {x}\r\n(deb32) pfault 1 2" for x in lines))
    (table,) = plot_stats.parse(log)
    assert table.ops == plot_stats.parse(SAMPLE)[0].ops


def test_the_report_of_2006():
    log = "".join(f"(XEN) {x}\n" for x in SAMPLE.replace("XI shadow", "Non-XI shadow").splitlines())
    assert plot_stats.parse(log)[0].kind == "Non-XI"


def test_guests_and_the_last_table_of_each():
    log = "".join(f"guest {i}, {name}:\n" + SAMPLE.replace("302", str(seconds))
                  for i, name, seconds in ((1, "a", 10), (2, "b", 10), (1, "a", 20)))
    log += "all 2 guests:\n" + SAMPLE
    tables = plot_stats.parse(log)
    assert [(t.guest, t.seconds) for t in plot_stats.choose(tables)] == \
        [("a", 20), ("b", 10), ("all 2 guests", 302)]
    assert [t.seconds for t in plot_stats.choose(tables, "a", every=True)] == [10, 20]
    assert len(plot_stats.choose(tables, "all guests")) == 1
    assert not plot_stats.choose(tables, "c")


def test_a_damaged_log_is_told():
    (table,) = plot_stats.parse(SAMPLE.replace("4694139", "4694130"))
    assert table.check() == ["pfault: buckets add up to 30715019, total says 30715028"]


def test_a_table_cut_short_is_left_out():
    assert plot_stats.parse(SAMPLE[:SAMPLE.index("75.1%")]) == []


def test_the_program_has_a_panel_an_operation():
    (table,) = plot_stats.parse(SAMPLE)
    program = plot_stats.gnuplot_program([("it's", table)], "x.png", "pngcairo")
    assert program.count("\nplot ") == 2
    assert "title 'it''s: 30715028 x 2.43 usec'" in program
    assert '"<2" 75.1372' in program


def test_no_table_is_an_error(tmp_path, capsys):
    (tmp_path / "log").write_text("nothing here\n")
    assert plot_stats.main([str(tmp_path / "log")]) == 1
    assert "no table of key y" in capsys.readouterr().err


@pytest.mark.parametrize("suffix, magic", [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_picture(tmp_path, suffix, magic):
    if not plot_stats.shutil.which("gnuplot"):
        pytest.skip("gnuplot is not installed")
    (tmp_path / "log").write_text(SAMPLE)
    out = tmp_path / ("plot" + suffix)
    assert plot_stats.main(["-o", str(out), str(tmp_path / "log")]) == 0
    assert out.read_bytes().startswith(magic)


def test_without_gnuplot_the_program_stays(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plot_stats.shutil, "which", lambda _: None)
    (tmp_path / "log").write_text(SAMPLE)
    assert plot_stats.main(["-o", str(tmp_path / "plot.png"), str(tmp_path / "log")]) == 1
    assert "set multiplot" in (tmp_path / "plot.gp").read_text()
    assert "gnuplot-nox" in capsys.readouterr().err
