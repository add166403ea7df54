-- hashes_in_band: one row per pair of near hashes that are equal in one band of their digits.
-- reads: distinct_hashes
-- params: $first_digit = 1, $digits = 6, $most = 40
-- Of two hashes that differ in at most so many bits, cut into more bands than that, at least one
-- band is equal: all near pairs are found band by band, and few others are looked at.
SELECT
    distinct_hashes.number,
    others.number AS other_number,
    bit_count(xor(distinct_hashes.bits, others.bits)) AS distance,
FROM distinct_hashes
INNER JOIN distinct_hashes AS others
    ON
        substr(distinct_hashes.digits, $first_digit, $digits)
        = substr(others.digits, $first_digit, $digits)
        AND distinct_hashes.number < others.number
WHERE bit_count(xor(distinct_hashes.bits, others.bits)) <= $most;
