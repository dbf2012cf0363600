"""What the RFCs ask for in each case: written from their tables, without a look at any program.

Every rule gives the outcomes that are allowed, the preferred one first. RFC 7606 section 2 names them: attribute discard
(`discarded`), treat-as-withdraw (`withdrawn`), AFI/SAFI disable (seen as a reset or as lost routes) and session reset.
"""

import cases
from cases import CONFEDERATION, IBGP, NARROW
from play import GONE, IGNORED, KEPT, UP, WITHDRAWN
from wire import TRANSITIVE

RESET = 'reset'
BOTH = (KEPT, GONE)

# What a malformed value costs: RFC 7606 section 7 for 1 to 16, then RFC 6793 section 6 (17, 18), RFC 6514 section 5 (22),
# RFC 9012 section 13 (23), RFC 5701 with RFC 7606 section 7.15 (25), RFC 7311 section 3.2 (26), RFC 9552 section 8.2.2 (29),
# RFC 8092 section 6 (32), RFC 9234 section 5 (35), RFC 8669 section 6 (40).
MALFORMED = {
    1: WITHDRAWN, 2: WITHDRAWN, 3: WITHDRAWN, 4: WITHDRAWN, 5: WITHDRAWN, 6: GONE, 7: GONE, 8: WITHDRAWN, 9: WITHDRAWN,
    10: WITHDRAWN, 14: RESET, 15: RESET, 16: WITHDRAWN, 17: GONE, 18: GONE, 22: WITHDRAWN, 23: WITHDRAWN, 25: WITHDRAWN,
    26: GONE, 29: GONE, 32: WITHDRAWN, 35: WITHDRAWN, 40: GONE, 99: KEPT,
}  # fmt: skip
# Attributes whose rule for wrong flags is not the general one (RFC 7606 section 3 c): RFC 9012 section 13, RFC 7311 section 3.2.
FLAGS = {(23, 'Transitive bit'): GONE, (23, 'both bits'): GONE, (26, 'Transitive bit'): GONE, (26, 'both bits'): GONE}
# RFC 7606 sections 7.5, 7.9, 7.10: from an external neighbor they are discarded, whatever they hold.
INTERNAL = (5, 9, 10)
HARMLESS = ('good', 'Partial bit', 'unused bits', 'extended length', 'twice', 'twice, different')
BITS = ('Optional bit', 'Transitive bit', 'both bits')

# Values and frames, each with its clause.
SPECIAL = {
    (22, 'unknown tunnel type'): (WITHDRAWN, KEPT),  # RFC 6514 section 5; later documents define more of them
    (2, 'AS_SET'): (KEPT, WITHDRAWN),  # RFC 6472; RFC 9774 section 3 withdraws
    (2, 'first AS is not the peer'): (KEPT, WITHDRAWN),  # RFC 4271 section 6.3: MAY
    (14, 'reserved octet not 0'): (KEPT,),  # RFC 4760 section 3
    (14, 'next hop of 32 octets'): (KEPT,),  # RFC 2545 section 3
    (14, 'no NLRI'): (RESET, IGNORED, WITHDRAWN),  # RFC 7606 section 5.2 allows an empty one to be ignored or refused
    (14, 'unknown AFI'): (IGNORED,),  # RFC 4760 section 7
    (14, 'AFI not negotiated'): (IGNORED,),
    (15, 'unknown AFI'): (IGNORED,),
    (15, 'no NLRI'): (IGNORED,),
    (26, 'two TLVs'): (KEPT,),  # RFC 7311 section 3.2: not malformed
    (35, 'AS 0'): BOTH,  # RFC 9234 says nothing of it
    (40, 'unknown TLV'): (KEPT,),  # RFC 8669 section 3
    (99, 'length 0'): (KEPT,),
    (99, 'one octet short'): (KEPT,),
    (99, 'one octet long'): (KEPT,),
    (99, 'Optional bit'): (RESET,),  # an unrecognized well-known attribute (RFC 4271 section 6.3)
    (99, 'both bits'): (RESET,),
    (99, 'well-known'): (RESET,),
    (99, 'Transitive bit'): (GONE,),  # an unrecognized non-transitive one (RFC 4271 section 9)
    (23, 'length 0'): (GONE,),  # RFC 9012 section 13: no valid TLV
    (5, 'missing'): BOTH,  # no clause makes it an error
    (2, 'missing beside MP_REACH_NLRI'): (WITHDRAWN,),
    (0, 'one octet behind the attributes'): (WITHDRAWN,),  # RFC 7606 section 4
    (0, 'NLRI without attributes'): (WITHDRAWN, UP),  # RFC 7606 section 3 d
}


# Optional attributes that a program need not know; then they are for it what RFC 4271 section 9 says of unrecognized ones.
UNRECOGNIZED = (22, 23, 25, 26, 29, 35, 40)


def allowed(case, kind, knows=True):
    """The outcomes that the RFCs allow; empty where they leave it open. `knows` tells that the program knows the attribute."""
    found = strictly(case, kind)
    if knows or case.code not in UNRECOGNIZED or not found or case.defect == 'past the end':
        return found
    transitive = bool(cases.GOOD[case.code][0] & TRANSITIVE) ^ (case.defect in ('Transitive bit', 'both bits'))
    unknown = RESET if case.defect in ('Optional bit', 'both bits') else KEPT if transitive else GONE
    if case.alone:
        unknown = RESET if unknown == RESET else UP
    return (*found, unknown, *(('first kept',) if unknown == KEPT else ()))


def strictly(case, kind):
    if case.alone:
        return lonely(case, kind)
    code, defect = case.code, case.defect
    if defect.startswith('confederation segment'):
        if code == 17:
            return without_narrow(kind, (WITHDRAWN, GONE, KEPT))  # RFC 6793 section 6: its segments are removed
        return {IBGP: (), CONFEDERATION: ()}.get(kind, (WITHDRAWN,))  # RFC 5065 section 5
    if code == 3 and defect[0].isdigit():
        # RFC 7606 section 7.3 looks at the length; RFC 4271 section 6.3 ignores the route, RFC 4271 section 5.1.3 is of those
        # that forward
        return (IGNORED, WITHDRAWN, KEPT)
    if code == 0 and (code, defect) not in SPECIAL:
        return (RESET,)  # RFC 4271 section 6.3, RFC 7606 section 5.3
    if defect == 'length 0' and code not in (14, 15, 99):
        # section 4 makes it a syntax error without a word on what follows; withdrawing is the stronger of the two
        mild = code in INTERNAL and kind.external or MALFORMED[code] == GONE or code == 23
        off = code in (17, 18) and kind is not NARROW or code == 26 and kind.external
        return (GONE,) if off else (GONE, WITHDRAWN) if mild else (WITHDRAWN,)
    if code in INTERNAL and kind.external and defect not in ('missing', 'past the end'):
        return (GONE, WITHDRAWN) if defect in BITS else (GONE,)  # sections 7.5 and 3 c
    if code in (9, 10) and kind is CONFEDERATION:
        return ()  # no clause says whether such a neighbor is external
    if code in (17, 18) and kind is not NARROW and defect != 'past the end':
        return (GONE, WITHDRAWN) if defect in BITS else (GONE,)  # RFC 6793 sections 4.1 and 6
    if code == 26 and kind.external and defect != 'past the end':
        # RFC 7311 section 3.1: AIGP is off on such sessions
        return (GONE, WITHDRAWN) if defect == 'Optional bit' else (GONE,)
    if code == 26 and (defect in HARMLESS or defect == 'two TLVs'):
        return BOTH  # section 3.1: on by default on these, and may be configured
    if code == 26 and defect == 'Optional bit':
        return (WITHDRAWN, GONE)
    if (code, defect) in SPECIAL:
        return SPECIAL[code, defect]
    if code in (14, 15):
        if defect in ('good', 'Partial bit', 'unused bits', 'extended length'):
            return (KEPT,) if code == 14 else (WITHDRAWN,)
        return (RESET,)  # RFC 7606 sections 3 g, 5.3 and 7.11
    if defect == 'past the end':
        return (WITHDRAWN,)  # RFC 7606 section 4
    if defect in BITS:
        return (FLAGS.get((code, defect), WITHDRAWN),)
    if defect in HARMLESS:
        # RFC 8669 section 4: from an external neighbor only where it is configured
        found = BOTH if code == 40 and kind is not IBGP else (KEPT,)
        return ('first kept',) if defect == 'twice, different' and found == (KEPT,) else found
    if defect.startswith('missing'):
        return (WITHDRAWN,)
    return (MALFORMED[code],)


def without_narrow(kind, found):
    return found if kind is NARROW else (GONE,)


def lonely(case, kind):
    """An UPDATE without routes: an error that would withdraw them resets the session (RFC 7606 section 5.2)."""
    beside = strictly(case._replace(alone=False), kind)
    if not beside:
        return ()
    if case.code in (14, 15):
        return (UP,) if case.defect == 'good' else (RESET,)
    found = tuple(dict.fromkeys(RESET if outcome in (WITHDRAWN, RESET) else UP for outcome in beside))
    return found


def agrees(outcome, wanted):
    """Whether an outcome is one of those; which codes a NOTIFICATION has is not judged here."""
    if not wanted:
        return True
    return any(outcome == one or one == RESET and outcome.startswith('reset') for one in wanted)
