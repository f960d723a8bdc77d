"""Which lines of a crontab are the old pipeline's; everything else stays, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.service.crontab import cut

OURS = "*/30 * * * * /home/ana/fluxion/cron_klk_realtime.sh inventario >> /tmp/klk.log 2>&1\n"
ALSO = "5,35 * * * * cd /home/ana && ./cron_klk_realtime.sh ventas\n"
OTHER = "0 4 * * * /usr/local/bin/copia\n"
DEBIAN = """\
# Edit this file to introduce tasks to be run by cron.
#
# Each task to run has to be defined through a single line
# indicating with different fields when the task will be run
# and what command to run for the task
#
# For more information see the manual pages of crontab(5) and cron(8)
#
# m h  dom mon dow   command
"""

# Name: crontab before, crontab after.
CASES = {
    "nothing of ours": (f"# copia\n{OTHER}", f"# copia\n{OTHER}"),
    "one line": (OURS, ""),
    "no line break at the end": (f"{OTHER}{OURS.rstrip()}", OTHER),
    "its comments": (f"# KLK\n# cada media hora\n{OURS}\n# copia\n{OTHER}", f"\n# copia\n{OTHER}"),
    "comments in between": (f"# existencias\n{OURS}# ventas\n{ALSO}", ""),
    "below debian's header": (f"{DEBIAN}{OURS}{OTHER}", f"{DEBIAN}{OTHER}"),
    "a comment below debian's header": (f"{DEBIAN}# existencias\n{OURS}\n{OTHER}", f"{DEBIAN}\n{OTHER}"),
    "comment over ours and another's": (f"# Trabajos\n{OURS}{OTHER}", f"# Trabajos\n{OTHER}"),
    "comment naming KLK over both": (f"# KLK\n{OURS}{OTHER}", OTHER),
    "another's comment above its job": (f"# copia\n{OTHER}{OURS}", f"# copia\n{OTHER}"),
    "a blank line parts them": (f"# Servidor de Ana\n\n{OURS}", "# Servidor de Ana\n\n"),
    "a title beyond a blank line": (
        f"# ---- KLK Real-Time ----\n\n# existencias\n{OURS}{OTHER}",
        f"# ---- KLK Real-Time ----\n\n# existencias\n{OTHER}",
    ),
    "a title over ours alone": (f"# ---- KLK Real-Time ----\n\n# existencias\n{OURS}", "\n"),
    "an empty comment parts them": (f"# Servidor\n#\n# existencias\n{OURS}", "# Servidor\n#\n"),
    "a job switched off": (f"#0 5 * * * /usr/bin/otra\n{OURS}", "#0 5 * * * /usr/bin/otra\n"),
    "ours switched off, above ours": (f"#{OURS}{ALSO}", ""),
    "ours switched off, alone": (f"#{OURS}\n{OTHER}", f"#{OURS}\n{OTHER}"),
    "variables stay": (
        f"KLK_DIR=/x/cron_klk_realtime.sh\nMAILTO=a@b\n{OURS}",
        "KLK_DIR=/x/cron_klk_realtime.sh\nMAILTO=a@b\n",
    ),
    "another script of a like name": (
        "0 * * * * /x/my_cron_klk_realtime.sh.bak\n",
        "0 * * * * /x/my_cron_klk_realtime.sh.bak\n",
    ),
    "@hourly, tabs, root's own form": (
        "@hourly\t/x/cron_klk_realtime.sh\n0 1 * * * root bash '/x/cron_klk_realtime.sh'\n",
        "",
    ),
    "windows line ends": (
        f"# copia\r\n{OTHER.rstrip()}\r\n\r\n# KLK\r\n{OURS.rstrip()}\r\n",
        f"# copia\r\n{OTHER.rstrip()}\r\n\r\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), CASES.values(), ids=CASES.keys())
def test_crontab(before: str, after: str) -> None:
    """The old lines and their comments go, and nothing else is touched."""
    assert cut(before.encode()).rest.decode() == after


LINES = st.one_of(
    st.sampled_from(
        [OURS, ALSO, OTHER, "\n", "#\n", "# KLK\n", "# existencias\n", "MAILTO=x\n", f"#{OTHER}", f"#{OURS}"]
    ),
    st.binary().map(lambda raw: raw.replace(b"\n", b"").decode("latin-1") + "\n"),
)


@given(st.lists(LINES))
def test_whatever_is_not_ours_stays(lines: list[str]) -> None:
    """What goes are our jobs and comments; the rest is the same bytes in the same order; and once is enough."""
    before = [line.encode("latin-1") for line in lines]
    done = cut(b"".join(before))
    rest = iter(before)
    kept = done.rest.split(b"\n")[:-1] if done.rest else []
    assert all(any(line + b"\n" == candidate for candidate in rest) for line in kept)
    assert len(kept) + len(done.removed) == len(before)
    for line in done.removed:
        assert line.lstrip().startswith(b"#") or b"cron_klk_realtime.sh" in line
        assert line != f"#{OTHER}".encode()
    assert cut(done.rest).removed == ()
    if not any(b"cron_klk_realtime.sh" in line and not line.lstrip().startswith(b"#") for line in before):
        assert done.removed == ()
