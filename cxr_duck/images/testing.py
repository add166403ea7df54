"""stand-in"""

from typing import BinaryIO

from cxr_duck.images.verdict import Verdict


def test_image(stream: BinaryIO, name: str, *, quick: bool = False) -> Verdict:
    """Decode."""
    import hashlib
    import io

    from PIL import Image

    data = stream.read()
    sha = hashlib.sha256(data).hexdigest()
    if not data:
        return Verdict("damaged", "empty")
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            w, h = image.size
    except Exception as e:
        return Verdict("damaged", "decode", str(e)[:60], digest=sha)
    return Verdict("ok", None, None, None, "png", w, h, 16, "gray", sha)
