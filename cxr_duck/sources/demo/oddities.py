"""Patients in whom every oddity of PadChest's label file occurs once."""

from dataclasses import dataclass

from cxr_duck.sources.demo.reports import NETWORK, PHYSICIAN, Report, Sentence

__all__ = ["ODDITIES", "Patient", "Study"]


@dataclass(frozen=True)
class Study:
    """A report and the projections of its images."""

    report: Report
    projections: tuple[str, ...]


@dataclass(frozen=True)
class Patient:
    """A patient's studies in the order of their dates; sex and birth where they are not drawn."""

    studies: tuple[Study, ...]
    sex: str | None = None
    birth: str | None = None
    child: bool = False


def _said(*findings: str, at: tuple[str, ...] = ()) -> Sentence:
    return Sentence(findings, at)


def _by_hand(*sentences: Sentence, views: tuple[str, ...] = ("PA",), ruled: bool = True) -> Study:
    return Study(Report(sentences, PHYSICIAN, ruled), views)


def _by_network(
    *sentences: Sentence, views: tuple[str, ...] = ("PA",), ruled: bool = True
) -> Study:
    return Study(Report(sentences, NETWORK, ruled), views)


_UNSAID = Sentence((), said=False)

_MANY_STUDIES = Patient(
    (
        # a bare nan in place of a sentence
        _by_hand(_said("cardiomegaly"), _UNSAID, _said("aortic elongation", at=("aortic",))),
        # sides in the sentences, none in Labels; normal and exclude said of a sentence only
        _by_hand(
            _said("hemidiaphragm elevation left side"),
            _said("normal"),
            _said("atelectasis basal right side"),
            _said("exclude"),
            views=("PA", "L"),
        ),
        # exclude beside another label
        _by_hand(_said("exclude"), _said("scoliosis", at=("column",)), ruled=False),
        _by_hand(_said("unchanged")),
        # heads of branches; more than eight concepts, an adenopathy among them
        _by_hand(
            _said("surgery", at=("right",)),
            _said("fracture", "mass", at=("rib", "right")),
            _said("adenopathy", at=("hilar bilateral",)),
            _said("Chilaiditi sign", at=("infradiaphragm",)),
            _said("COPD signs", "cardiomegaly", "chronic changes"),
            _said("pleural effusion", "pneumonia", at=("left", "basal")),
            _said("goiter"),
            _said("hiatal hernia"),
            views=("PA", "L"),
        ),
    )
)

_ONE_STUDY_EACH = (
    # leading blanks, and a finding that is said twice
    _by_network(
        _said("pneumonia", at=("right lower lobe",)),
        _said("alveolar pattern", "pneumonia", at=("left lower lobe", "basal")),
        views=("AP_horizontal",),
    ),
    _by_network(_said(""), views=("UNK",)),
    # localizations of no finding
    _by_network(
        _said("", at=("right", "basal")),
        _said("pleural effusion", at=("left", "costophrenic angle")),
        views=("COSTAL",),
    ),
    Study(Report((_said(""),), NETWORK, labelled=False), ("EXCLUDE",)),
    Study(Report((_UNSAID,), PHYSICIAN, labelled=False), ("L",)),
    _by_network(
        _said("hemidiaphragm elevation both sides"),
        _said("atelectasis basal bilateral", "volume loss"),
        views=("AP",),
    ),
    # normal beside another label
    _by_network(_said("normal"), _said("vertebral degenerative changes"), ruled=False),
    _by_network(_said("exclude")),
    _by_network(_said("suboptimal study"), views=("AP_horizontal",)),
    # more than eight concepts, some of them empty, and names with capitals
    _by_network(
        _said("NSG tube", at=("gastric chamber",)),
        _said("endotracheal tube", at=("tracheal",)),
        _said("central venous catheter via jugular vein", at=("superior cave vein",)),
        _said("double J stent"),
        _said("cardiomegaly", "vascular redistribution"),
        _said("pleural effusion", at=("bilateral",)),
        _said("interstitial pattern", "kerley lines", at=("basal bilateral",)),
        _said("pulmonary edema", at=("perihilar",)),
        _said("sternotomy", "suture material"),
        _said("electrical device", at=("left", "pectoral")),
        views=("AP_horizontal",),
    ),
    _by_network(
        _said("exclude"),
        _said("normal"),
        _said("laminar atelectasis", at=("basal", "left")),
        _said("", at=("bone",)),
        _said("osteopenia"),
    ),
)

ODDITIES = (
    _MANY_STUDIES,
    Patient(
        (_by_network(_said("bronchovascular markings", "infiltrates", at=("perihilar",))),),
        sex="O",
        birth="2006.0",
        child=True,
    ),
    Patient((_by_hand(_said("COPD signs")),), sex="nan", birth=""),
    Patient((_by_network(_said("normal")),), birth="2009.0", child=True),
    *(Patient((study,)) for study in _ONE_STUDY_EACH),
)
