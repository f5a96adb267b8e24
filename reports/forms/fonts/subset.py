"""Make the fonts of the reports: subsets of Noto Sans SC and Noto Serif SC (SIL Open Font License, OFL.txt).

    npm install --ignore-scripts @expo-google-fonts/noto-sans-sc @expo-google-fonts/noto-serif-sc
    python -m reports.forms.fonts.subset node_modules/@expo-google-fonts

standard_characters.txt has the 8,105 characters of 通用规范汉字表 (2013) in their order, by the property kTGH of
Unicode's Unihan database: names of people and places are registered with them.

Belongs here: which characters, which layout features. Does not: the embedding of headings in a page
(reports/forms/html.py). The Reserved Font Name of these fonts is `Source`, so the subsets may keep the name Noto
(findings/render.md, 1). The fonts' own time stamps are kept, so that the same packages give the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
SOURCES = {
    "NotoSansSC-Regular.ttf": "noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf",
    "NotoSansSC-Bold.ttf": "noto-sans-sc/700Bold/NotoSansSC_700Bold.ttf",
    "NotoSerifSC-Regular.ttf": "noto-serif-sc/400Regular/NotoSerifSC_400Regular.ttf",
    "NotoSerifSC-Bold.ttf": "noto-serif-sc/700Bold/NotoSerifSC_700Bold.ttf",
}
# Written in names of people and places, and outside GB2312; some outside 通用规范汉字表 too.
RARE = (
    "氹冚埗塱滘磡冧瀞"
    "镕喆堃玥珺昇旸玙祎赟闫烨堉頔翀晞甯曌犇骉翾燚㛃叡珅玹璟琨瑄瑀玚昉晛曦暐焜煊炜炘钰铉锟锴鋆鑫淏湉滢濛沄泓浛澍嫄婳婧妤姝嬿"
    "峣嵘岍崟巘筠筱篪芃苡茗莜菀葳蓁薏蕤薷芊翃翊翎翯勖勍劢邕郃郗隽骐骥骞骢鸢鸾鹭麒麟黟龑龢禤禛禔祐祯祺禩禹稷穆韫韬韡懿恺恽悫愔愫慜戬旻昊昕昶晔晖晟晗暄暾"
    "吔冇囧垚埇堌塬墉壅奡妘姞峁崀弇彧彧徕忞扆揆擘敫斓旎昱晅朓杲桢桁梽棨棪棽楙榉樾檠欤歆殳毓氚汧沚沨泃浥涘淦淜渌渼湜溱潾澔澥濬灏炅炫焓焱煜熙燊燏玎玏玘玠玢玮玶珂珈珑珩珪珮珲琇琎琏琚琛琤琬瑗瑜瑢瑭瑷璁璇璐璠璥璨璩璪瓒甡畀畯畹"
)
FEATURES = ["kern", "liga", "calt", "locl", "ccmp", "mark", "mkmk", "tnum", "lnum", "pnum", "palt", "halt"]


def standard_characters() -> set[int]:
    """通用规范汉字表."""
    return {ord(c) for c in "".join((HERE / "standard_characters.txt").read_text(encoding="utf-8").split())}


def characters() -> set[int]:
    """通用规范汉字表 and GB2312 whole, Latin of Western Europe, punctuation, signs, shapes, rare name characters."""
    gb2312 = {
        ord(bytes((high, low)).decode("gb2312"))
        for high in range(0xA1, 0xF8)
        for low in range(0xA1, 0xFF)
        if _decodes(bytes((high, low)))
    }
    ranges = ((0x20, 0x180), (0x2000, 0x2070), (0x20A0, 0x20C0), (0x2100, 0x2200), (0x2200, 0x2300))
    shapes = ((0x2460, 0x2500), (0x25A0, 0x2670), (0x2713, 0x2719), (0x3000, 0x3040), (0xFF00, 0xFFF0))
    plain = {c for start, end in (*ranges, *shapes) for c in range(start, end)}
    return standard_characters() | gb2312 | plain | {ord(c) for c in RARE}


def _decodes(pair: bytes) -> bool:
    try:
        pair.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


def main(packages: Path) -> None:
    """Write the four subsets beside this file, and the licence with the copyright of each font."""
    wanted, copyrights = characters(), set()
    for name, source in SOURCES.items():
        options = Options()
        options.hinting = False
        options.layout_features = FEATURES
        options.recalc_timestamp = False
        options.notdef_outline = True
        options.name_IDs = ["*"]
        font = TTFont(packages / source, recalcTimestamp=False)
        copyrights.add(f"{font['name'].getDebugName(1)}: {font['name'].getDebugName(0)}")
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=wanted)
        subsetter.subset(font)
        font.save(HERE / name)
        sys.stdout.write(f"{name} {(HERE / name).stat().st_size} bytes, {len(font.getBestCmap())} characters\n")
    licence = (packages / "noto-sans-sc/LICENSE_FONT").read_text(encoding="utf-8")
    terms = licence[licence.index("This Font Software is licensed") :]
    (HERE / "OFL.txt").write_text("\n".join(sorted(copyrights)) + "\n\n" + terms, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
