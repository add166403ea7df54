"""What the reports speak of: findings, how often, where they lie, and made-up Spanish for them."""

from dataclasses import dataclass

import numpy as np

__all__ = ["LEAVES", "SIDED", "TERMS", "Term", "draw_term", "phrase"]


@dataclass(frozen=True)
class Term:
    """A finding: how often it is drawn, its stemmed phrase, and places, parted by commas."""

    name: str
    weight: int
    phrase: str
    places: tuple[str, ...] = ()


# Findings of which the demo holds images that show nothing else, and how many a 600 images.
LEAVES = {
    "atelectasis": 15,
    "calcified granuloma": 16,
    "laminar atelectasis": 18,
    "granuloma": 15,
    "nodule": 18,
    "fibrotic band": 15,
    "pneumonia": 16,
    "pulmonary mass": 15,
}
SIDED = ("atelectasis basal", "hemidiaphragm elevation")  # carry their side in the sentences

_SIDES = ("right", "left", "bilateral")
_LOBES = (
    "right upper lobe",
    "left upper lobe",
    "middle lobe,right",
    "lingula",
    "right lower lobe",
    "left lower lobe",
)
_BASES = ("basal,left", "basal,right", "basal bilateral")
_FIELDS = ("right,upper lung field", "left,middle lung field", "lower lung field,right")
_DISTAL = ("costophrenic angle,left", "costophrenic angle,right", "bilateral costophrenic angle")

TERMS = (
    Term("COPD signs", 260, "sign epoc"),
    Term("cardiomegaly", 180, "cardiomegali", ("cardiac",)),
    Term("unchanged", 90, "sin cambi respect estudi previ"),
    Term("aortic elongation", 140, "elongacion aortic", ("aortic",)),
    Term("pleural effusion", 130, "derram pleural", (*_SIDES, "pleural,left")),
    Term("scoliosis", 110, "escoliosis dorsal", ("dorsal vertebrae", "column")),
    Term("chronic changes", 80, "cambi cronic"),
    Term("vertebral degenerative changes", 70, "cambi degener vertebral", ("dorsal vertebrae",)),
    Term("interstitial pattern", 80, "patron intersticial", (*_BASES, "diffuse bilateral")),
    Term("infiltrates", 76, "infiltr parenquim", (*_LOBES, *_BASES)),
    Term("pneumonia", 46, "neumoni", _LOBES),
    Term("alveolar pattern", 60, "patron alveol", (*_LOBES, *_BASES)),
    Term("costophrenic angle blunting", 60, "pinzamient sen costofren", _DISTAL),
    Term("laminar atelectasis", 40, "atelectasi lamin", _BASES),
    Term("air trapping", 60, "atrapamient aere", ("bilateral",)),
    Term("kyphosis", 34, "cifosis dorsal", ("dorsal vertebrae",)),
    Term("apical pleural thickening", 32, "engrosamient pleural apical", ("apical,bilateral",)),
    Term("fibrotic band", 26, "tract fibros", _FIELDS),
    Term("nodule", 26, "nodul pulmonar", _LOBES),
    Term("calcified granuloma", 24, "granulom calcific", _LOBES),
    Term("pseudonodule", 22, "imag pseudonodul", ("basal,right", "basal,left")),
    Term("hilar enlargement", 24, "hili aument", ("hilar,right", "hilar bilateral")),
    Term("vascular hilar enlargement", 18, "hili vascul promin", ("hilar bilateral",)),
    Term("volume loss", 18, "perd volum", _LOBES),
    Term("sternotomy", 24, "sutur esternotomi"),
    Term("NSG tube", 24, "sond nasogastr", ("gastric chamber",)),
    Term("endotracheal tube", 16, "tub endotraqueal", ("tracheal",)),
    Term("central venous catheter via jugular vein", 16, "vi yugul", ("superior cave vein",)),
    Term("central venous catheter via subclavian vein", 12, "vi subclavi", ("subclavian vein",)),
    Term("reservoir central venous catheter", 10, "reservori subcutane", ("superior cave vein",)),
    Term("pacemaker", 18, "marcapas", ("left,pectoral",)),
    Term("electrical device", 4, "dispositiv electron", ("left,pectoral",)),
    Term("dual chamber device", 12, "dispositiv bicameral", ("left,pectoral",)),
    Term("hemidiaphragm elevation", 20, "elev hemidiafragm"),
    Term("atelectasis basal", 12, "atelectasi bas"),
    Term("atelectasis", 20, "atelectasi", _LOBES),
    Term("lobar atelectasis", 10, "atelectasi lobul", _LOBES),
    Term("bronchiectasis", 20, "bronquiectasi", ("right lower lobe", "left lower lobe")),
    Term("hiatal hernia", 20, "herni hiat", ("retrocardiac",)),
    Term("heart insufficiency", 20, "insuficient cardiac"),
    Term("bronchovascular markings", 16, "aument tram broncovascul", ("basal bilateral",)),
    Term("increased density", 16, "aument densid", (*_LOBES, "retrocardiac")),
    Term("consolidation", 16, "consolid", _LOBES),
    Term("pulmonary fibrosis", 14, "fibrosis pulmon", ("basal bilateral",)),
    Term("emphysema", 14, "enfisem", ("upper lobe,bilateral",)),
    Term("flattened diaphragm", 14, "aplan diafragm", ("diaphragm",)),
    Term("hyperinflated lung", 10, "hiperinsufl pulmon", ("bilateral",)),
    Term("aortic atheromatosis", 16, "ateromatosis aortic", ("aortic button",)),
    Term("granuloma", 12, "granulom", _LOBES),
    Term("multiple nodules", 12, "multipl nodul", ("bilateral",)),
    Term("pulmonary mass", 12, "mas pulmon", _LOBES),
    Term("pleural thickening", 12, "engrosamient pleural", ("right,pleural", "left,pleural")),
    Term("calcified densities", 12, "imag calcific", _FIELDS),
    Term("minor fissure thickening", 12, "engrosamient cisur menor", ("minor fissure",)),
    Term("suture material", 12, "material sutur", ("right", "left")),
    Term("metal", 8, "material metal", ("pectoral",)),
    Term("callus rib fracture", 12, "call fractur costal", ("right,rib", "left,rib")),
    Term("rib fracture", 8, "fractur costal", ("left,rib",)),
    Term("vertebral compression", 8, "aplast vertebral", ("dorsal vertebrae",)),
    Term("vertebral anterior compression", 8, "acun vertebral anterior", ("dorsal vertebrae",)),
    Term("goiter", 8, "boci", ("superior mediastinum",)),
    Term("mediastinal enlargement", 8, "ensanch mediastin", ("mediastinum",)),
    Term("superior mediastinal enlargement", 8, "ensanch mediastin superior"),
    Term("tracheal shift", 6, "desplaz traqueal", ("right,tracheal",)),
    Term("gynecomastia", 8, "ginecomasti", ("bilateral,pectoral",)),
    Term("mastectomy", 8, "mastectomi", ("right", "left")),
    Term("mammary prosthesis", 5, "protesis mamari", ("bilateral",)),
    Term("osteosynthesis material", 6, "material osteosintesis", ("left,clavicle",)),
    Term("humeral prosthesis", 4, "protesis humer", ("right,humerus",)),
    Term("artificial heart valve", 6, "protesis valvul", ("cardiac",)),
    Term("dai", 5, "desfibril implant", ("left,pectoral",)),
    Term("chest drain tube", 8, "tub drenaj", ("right,pleural", "left,pleural")),
    Term("tracheostomy tube", 6, "canul traqueostomi", ("tracheal",)),
    Term("pneumothorax", 8, "neumotorax", ("left,apical", "right,apical")),
    Term("subcutaneous emphysema", 4, "enfisem subcutane", ("left,subcutaneous",)),
    Term("ground glass pattern", 8, "vidri deslustr", _BASES),
    Term("reticular interstitial pattern", 8, "patron reticul", _BASES),
    Term("reticulonodular interstitial pattern", 6, "patron reticulonodul", _BASES),
    Term("miliary opacities", 3, "patron mili", ("diffuse bilateral",)),
    Term("kerley lines", 6, "line kerley", ("basal bilateral",)),
    Term("vascular redistribution", 10, "redistribu vascul"),
    Term("pulmonary edema", 6, "edem pulmon", ("perihilar,bilateral",)),
    Term("pulmonary artery enlargement", 4, "arteri pulmon promin", ("pulmonary artery",)),
    Term("atypical pneumonia", 4, "neumoni atip", ("bilateral",)),
    Term("tuberculosis sequelae", 6, "secuel tbc", ("apical,bilateral",)),
    Term("tuberculosis", 3, "tuberculosis", ("right upper lobe",)),
    Term("lung metastasis", 4, "metastasis pulmon", ("bilateral",)),
    Term("cavitation", 4, "imag cavit", ("right upper lobe", "left upper lobe")),
    Term("bullas", 6, "bull", ("apical,right", "apical,left")),
    Term("azygos lobe", 4, "lobul azig", ("right upper lobe",)),
    Term("nipple shadow", 6, "sombr pezon", ("nipple,right", "nipple,left")),
    Term("osteopenia", 6, "osteopeni", ("bone",)),
    Term("sclerotic bone lesion", 4, "lesion escler", ("rib,right",)),
    Term("surgery", 4, "cambi postquirurg", ("right", "left")),
    Term("fracture", 3, "fractur", ("rib,left", "clavicle,right")),
    Term("mass", 3, "mas", ("right,hilar", "mediastinum")),
    Term("adenopathy", 6, "adenopati", ("paratracheal,right", "hilar bilateral")),
    Term("Chilaiditi sign", 3, "sign chilaiditi", ("infradiaphragm,right",)),
    Term("double J stent", 3, "cateter doble j", ("right",)),
    Term("normal", 0, "sin hallazg patolog"),
    Term("exclude", 0, "estudi no valor"),
    Term("suboptimal study", 2, "estudi suboptim"),
)

_PHRASES = {term.name: term.phrase for term in TERMS} | {
    "right": "derech",
    "left": "izquierd",
    "bilateral": "bilateral",
    "upper": "superior",
    "middle": "medi",
    "lower": "inferior",
    "lobe": "lobul",
    "lung": "pulmon",
    "field": "camp",
    "angle": "angul",
    "both": "amb",
    "side": "lad",
    "sides": "lad",
    "rib": "costal",
    "clavicle": "clavicul",
    "vertebrae": "vertebr",
    "costophrenic": "costofren",
    "subcutaneous": "subcutane",
    "mediastinum": "mediastin",
    "tracheal": "traqueal",
    "paratracheal": "paratraqueal",
    "nipple": "pezon",
    "humerus": "humer",
    "vein": "ven",
    "cave": "cav",
    "subclavian": "subclavi",
    "chamber": "camar",
    "artery": "arteri",
    "pulmonary": "pulmon",
    "diaphragm": "diafragm",
    "infradiaphragm": "infradiafragm",
    "diffuse": "difus",
    "bone": "ose",
    "minor": "menor",
    "fissure": "cisur",
    "button": "boton",
}
_TOTAL = sum(term.weight for term in TERMS)


def draw_term(rng: np.random.Generator) -> Term:
    """Draw a finding by its weight."""
    place = int(rng.integers(_TOTAL))
    for term in TERMS:
        place -= term.weight
        if place < 0:
            return term
    raise AssertionError("weights add up to their sum")


def phrase(words: str) -> str:
    """Return a made-up stemmed phrase for a finding or a localization."""
    if words in _PHRASES:
        return _PHRASES[words]
    known = next((name for name in SIDED if words.startswith(name)), "")
    rest = words.removeprefix(known).split()
    return " ".join([*filter(None, [_PHRASES.get(known)]), *(_PHRASES.get(w, w) for w in rest)])
