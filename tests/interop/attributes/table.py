"""The table of the matrix: cells with equal outcomes in one row."""

import cases
import judge
import play

HEAD = """\
# Wrong attributes: what the RFCs ask for, and what programs do

Made by `tests/interop/matrix --write`: {count} UPDATEs, each wrong in one way (or right, as a control), played over real
sessions to each program; nothing here is quoted from documentation. A session is internal (iBGP), external (eBGP), external
with AS numbers of two octets, or with another member of a confederation.

The route had been announced before. Afterwards it is there with the attribute (`kept`), without it (`discarded`), gone
(`withdrawn`), or as it was before (`ignored`); or the session is over (`reset`). For BIRD, FRR, GoBGP and OpenBGPD that is
what they reflect to an internal peer, so an attribute that a program does not pass on counts as discarded; for oxabgp and
ExaBGP it is what their events say. `alone`: the attribute is all that an UPDATE without routes has, and the session stays
`up` or not. The column RFC has an independent judgement ([judge.py](attributes/judge.py) has the clauses); a cell outside of
it is bold, unless a program that does not know an optional attribute passed it on or dropped it as such. {others}

| cells | {titles} |
|---|{rules}|
| as the RFCs ask | {agreed} |

{skipped}
"""

LONG = {'iBGP': 'iBGP', 'eBGP': 'eBGP', 'eBGP, 2-octet AS': '2-octet', 'confederation': 'confederation'}


def plain(outcome):
    """An outcome without the codes of a NOTIFICATION."""
    return 'reset' if outcome.startswith('reset') or outcome == 'closed' else outcome


def agrees(title, case, kind, outcome):
    """oxabgp is held to know every attribute; another program may treat an optional one as unrecognized."""
    return judge.agrees(outcome, judge.allowed(case, kind, knows=title == 'oxabgp'))


def cell(title, case, kind, outcome):
    if outcome is None:
        return ''
    return plain(outcome) if agrees(title, case, kind, outcome) else f'**{plain(outcome)}**'


def wanted(allowed):
    return ' or '.join(allowed) or 'open'


def sessions(kinds, of):
    """A short name for some of the kinds of session."""
    names = [LONG[kind.name] for kind in of if kind in kinds]
    if len(names) == len(of):
        return 'all'
    if names == ['eBGP', '2-octet']:
        return 'eBGP'
    return 'eBGP, 4-octet' if names == ['eBGP'] else ' and '.join(names)


def rows(chosen, found, titles, kinds):
    """{(sessions, RFC, cells): [case]}, in the order of the cases."""
    grouped = {}
    for case in chosen:
        by_cells = {}
        for kind in kinds:
            allowed = judge.allowed(case, kind)
            cells = tuple(cell(title, case, kind, found[title].get((case, kind))) for title in titles)
            by_cells.setdefault((wanted(allowed), cells), []).append(kind)
        for (allowed, cells), where in by_cells.items():
            if any(cells):
                grouped.setdefault((sessions(where, kinds), allowed, cells), []).append(case)
    return grouped


def names(group):
    """`ORIGIN: length 0, value 3; AS_PATH: AS 0`."""
    by_code = {}
    for case in group:
        by_code.setdefault(cases.NAMES[case.code], []).append(case.defect + (' (alone)' if case.alone else ''))
    by_defects = {}
    for name, defects in by_code.items():
        by_defects.setdefault(', '.join(defects), []).append(name)
    return '; '.join(f'{", ".join(codes)}: {defects}' for defects, codes in by_defects.items())


def markdown(chosen, found, titles, kinds):
    lines = [f'| what | session | RFC | {" | ".join(titles)} |', f'|---|---|---|{"---|" * len(titles)}']
    for (where, allowed, cells), group in rows(chosen, found, titles, kinds).items():
        lines.append(f'| {names(group)} | {where} | {allowed} | {" | ".join(cells)} |')
    return '\n'.join(lines)


def others(found):
    """Whether routes that the case is not about were touched."""
    lost = [title for title, results in found.items() if any(play.LOST in outcome for outcome in results.values())]
    if lost:
        return f'Other routes of a session that stayed up were lost by {", ".join(lost)}.'
    return 'No session that stayed up lost another route.'


def text(chosen, found):
    titles = list(found)
    agreed = []
    for title in titles:
        results = found[title]
        right = sum(agrees(title, *key, outcome) for key, outcome in results.items())
        agreed.append(f'{right:,} of {len(results):,}')
    members = [title for title in titles if any(kind is cases.CONFEDERATION for _, kind in found[title])]
    head = HEAD.format(
        count=len(chosen),
        titles=' | '.join(titles),
        rules='---:|' * (len(titles) - 1) + '---:',
        agreed=' | '.join(agreed),
        others=others(found),
        skipped='\n'.join(f'Left out: {why}.' for why in cases.LEFT_OUT),
    )
    main = markdown(chosen, found, titles, cases.KINDS[:3])
    confederation = markdown(chosen, found, members, (cases.CONFEDERATION,)) if members else ''
    return f'{head}\n## Internal and external sessions\n\n{main}\n\n## Confederations\n\n{confederation}\n'
