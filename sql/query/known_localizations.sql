-- known_localizations: one row per localization of the index or of the trees: loc right, …
-- reads: images, terms
SELECT unnest(localizations) AS localization
FROM images

UNION

SELECT concat('loc ', term) AS localization
FROM terms
WHERE tree = 'localization'
ORDER BY localization;
