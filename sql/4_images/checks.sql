-- checks: one row per image whose file was tested: what the test found.
-- reads: fitting_rows
-- columns:
--   image_id  the image
--   path      its file, below the folder of images; NULL where none was found for it
--   bytes     size of the file when it was tested
--   modified  when it had been changed last: nanoseconds since 1970
--   verdict   ok, suspect (an image all of whose pixels are the same), damaged, or untested (its
--             pixels can't be decoded or verified here, or its file is not used)
--   reason    what is wrong, in a word: missing, empty, truncated, crc, stream, length, …
--   detail    what is wrong, in a few words; of an ok file what is odd, such as in color
--   offset    the byte of the file at which it shows, where that can be told
--   format    png, jpeg or dicom
--   width     pixels, as the file says
--   height    pixels
--   bits      bits of a sample
--   color     gray, gray+alpha, rgb, rgba, palette or cmyk
--   digest    XXH3 of the file's bytes, 128 bits; NULL where they could not be read to the end
--   whole     whether every byte was tested, or only quickly (cxr check --quick)
SELECT
    image_id,
    path,
    bytes,
    modified,
    verdict,
    reason,
    detail,
    "offset",
    format,
    width,
    height,
    bits,
    color,
    digest,
    whole,
FROM fitting_rows;
