-- kept_rejects: one row per row of a file of rejects that says nothing of what goes.
-- reads: data_file, gone_texts
-- A row that was refused stands there as it was written, so it may speak of a patient who withdrew.
SELECT data_file.*
FROM data_file
WHERE
    NOT EXISTS (
        SELECT 1
        FROM gone_texts
        WHERE contains(data_file.raw, gone_texts.text)
    );
