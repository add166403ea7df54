-- experiments: the schema of the paper's diagram: experiment, dataset, finding, image.
-- The names of experiments.dataset and experiments.members are kept for good.
CREATE SCHEMA IF NOT EXISTS experiments;

CREATE TABLE IF NOT EXISTS experiments.experiment (
    experiment_id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE experiments.experiment IS 'one row per experiment, which has one or more datasets';
COMMENT ON COLUMN experiments.experiment.experiment_id IS 'number of the experiment';
COMMENT ON COLUMN experiments.experiment.name IS 'its name, unique';
COMMENT ON COLUMN experiments.experiment.created_at IS 'when it was first recorded, UTC';

CREATE TABLE IF NOT EXISTS experiments.dataset (
    dataset_id INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiments.experiment (experiment_id),
    name VARCHAR NOT NULL UNIQUE,
    digest VARCHAR NOT NULL,
    seed BIGINT NOT NULL,
    pure BOOLEAN NOT NULL,
    hierarchy VARCHAR NOT NULL,
    unit VARCHAR NOT NULL,
    overlap VARCHAR NOT NULL,
    balance VARCHAR NOT NULL,
    images BIGINT NOT NULL,
    recipe VARCHAR NOT NULL,
    exactness VARCHAR NOT NULL,
    publication INTEGER NOT NULL,
    label_file_sha256 VARCHAR NOT NULL,
    package_version VARCHAR NOT NULL,
    duckdb_version VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE experiments.dataset IS 'one row per dataset: what it was made from and its digest';
COMMENT ON COLUMN experiments.dataset.dataset_id IS 'number of the dataset';
COMMENT ON COLUMN experiments.dataset.experiment_id IS 'the experiment it belongs to';
COMMENT ON COLUMN experiments.dataset.name IS 'its name, unique in the store';
COMMENT ON COLUMN experiments.dataset.digest IS
'SHA-256 over its members, a line each: split, class, finding, image';
COMMENT ON COLUMN experiments.dataset.seed IS 'the number that chance was drawn from';
COMMENT ON COLUMN experiments.dataset.pure IS 'whether its images have exactly one finding';
COMMENT ON COLUMN experiments.dataset.hierarchy IS 'name of the hierarchy that expanded its terms';
COMMENT ON COLUMN experiments.dataset.unit IS 'what its classes are counted in';
COMMENT ON COLUMN experiments.dataset.overlap IS 'what became of images of several classes';
COMMENT ON COLUMN experiments.dataset.balance IS 'equal, none or ratio: the sizes of its classes';
COMMENT ON COLUMN experiments.dataset.images IS 'distinct images in it';
COMMENT ON COLUMN experiments.dataset.recipe IS 'everything it depends on, as JSON';
COMMENT ON COLUMN experiments.dataset.exactness IS 'how near it comes to its recipe, as JSON';
COMMENT ON COLUMN experiments.dataset.publication IS 'state of the store it was made from';
COMMENT ON COLUMN experiments.dataset.label_file_sha256 IS 'digest of the label file of that state';
COMMENT ON COLUMN experiments.dataset.package_version IS 'version of cxr-duck that made it';
COMMENT ON COLUMN experiments.dataset.duckdb_version IS 'version of DuckDB that made it';
COMMENT ON COLUMN experiments.dataset.created_at IS 'when it was recorded, UTC';

CREATE TABLE IF NOT EXISTS experiments.finding (
    finding_id INTEGER PRIMARY KEY,
    dataset_id INTEGER NOT NULL REFERENCES experiments.dataset (dataset_id),
    class VARCHAR NOT NULL,
    finding VARCHAR NOT NULL
);
COMMENT ON TABLE experiments.finding IS 'one row per (dataset, class, finding)';
COMMENT ON COLUMN experiments.finding.finding_id IS 'number of the row';
COMMENT ON COLUMN experiments.finding.dataset_id IS 'the dataset';
COMMENT ON COLUMN experiments.finding.class IS
'a class of the dataset: a term, or the name of a query';
COMMENT ON COLUMN experiments.finding.finding IS
'a finding at or below that term or named by that query, or none of them';

CREATE TABLE IF NOT EXISTS experiments.image (
    finding_id INTEGER NOT NULL,
    image_id VARCHAR NOT NULL,
    patient_id VARCHAR NOT NULL,
    split VARCHAR NOT NULL
);
COMMENT ON TABLE experiments.image IS 'one row per (finding of a dataset, image)';
COMMENT ON COLUMN experiments.image.finding_id IS 'the finding, in experiments.finding';
COMMENT ON COLUMN experiments.image.image_id IS 'an image of it';
COMMENT ON COLUMN experiments.image.patient_id IS 'the patient of that image';
COMMENT ON COLUMN experiments.image.split IS 'train, valid, test, or another of its recipe';

CREATE TABLE IF NOT EXISTS experiments.allocation (
    dataset_id INTEGER NOT NULL,
    signature BIGINT[] NOT NULL,
    limit_to VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    split VARCHAR NOT NULL,
    patients BIGINT NOT NULL
);
COMMENT ON TABLE experiments.allocation IS
'one row per (dataset, signature, split): the patients that go there';
COMMENT ON COLUMN experiments.allocation.dataset_id IS 'the dataset';
COMMENT ON COLUMN experiments.allocation.signature IS
'what such a patient brings: cell * 1,000,000 + units; cells are numbered by class and finding';
COMMENT ON COLUMN experiments.allocation.limit_to IS
'the splits that may take such a patient: first, last, not last, or all where it is empty';
COMMENT ON COLUMN experiments.allocation.position IS 'place of the split';
COMMENT ON COLUMN experiments.allocation.split IS 'the split';
COMMENT ON COLUMN experiments.allocation.patients IS 'patients of the signature in the split';

CREATE TABLE IF NOT EXISTS experiments.quota (
    dataset_id INTEGER NOT NULL,
    kind INTEGER[] NOT NULL,
    split VARCHAR NOT NULL,
    units BIGINT NOT NULL
);
COMMENT ON TABLE experiments.quota IS
'one row per (dataset, kind, split): the units that stay for the balance of the classes';
COMMENT ON COLUMN experiments.quota.dataset_id IS 'the dataset';
COMMENT ON COLUMN experiments.quota.kind IS 'the cells that such a unit counts in';
COMMENT ON COLUMN experiments.quota.split IS 'the split';
COMMENT ON COLUMN experiments.quota.units IS 'units of the kind in the split';

CREATE OR REPLACE VIEW experiments.members AS
SELECT
    dataset.name AS dataset,
    finding.class,
    finding.finding,
    image.image_id,
    image.patient_id,
    image.split,
    image.image_id IN (SELECT removed_images.image_id FROM removed_images) AS removed,
FROM experiments.image
INNER JOIN experiments.finding USING (finding_id)
INNER JOIN experiments.dataset USING (dataset_id);
COMMENT ON VIEW experiments.members IS 'one row per (dataset, class, finding, image)';
COMMENT ON COLUMN experiments.members.dataset IS 'name of the dataset';
COMMENT ON COLUMN experiments.members.class IS 'a class of the dataset';
COMMENT ON COLUMN experiments.members.finding IS 'a finding of that class';
COMMENT ON COLUMN experiments.members.image_id IS 'an image with that finding';
COMMENT ON COLUMN experiments.members.patient_id IS 'the patient of that image';
COMMENT ON COLUMN experiments.members.split IS 'train, valid, test, or another of its recipe';
COMMENT ON COLUMN experiments.members.removed IS
'whether the image was removed from the store since';

CREATE OR REPLACE VIEW experiments.datasets AS
SELECT
    dataset.name,
    experiment.name AS experiment,
    CASE
        WHEN dataset.pure THEN 'pure'
        WHEN dataset.overlap = 'keep' THEN 'multi-label'
        ELSE 'single-label'
    END AS type,
    dataset.images,
    dataset.created_at,
FROM experiments.dataset
INNER JOIN experiments.experiment USING (experiment_id);
COMMENT ON VIEW experiments.datasets IS 'one row per dataset: its experiment, type and date';
COMMENT ON COLUMN experiments.datasets.name IS 'its name, unique in the store';
COMMENT ON COLUMN experiments.datasets.experiment IS 'name of the experiment it belongs to';
COMMENT ON COLUMN experiments.datasets.type IS
'pure: each image has one finding; single-label: one class; multi-label: all classes it belongs to';
COMMENT ON COLUMN experiments.datasets.images IS 'distinct images in it';
COMMENT ON COLUMN experiments.datasets.created_at IS 'when it was recorded, UTC';

CREATE OR REPLACE VIEW experiments.context AS
SELECT
    experiment.name AS experiment,
    publications.source,
    publications.label_file,
    publications.label_file_sha256,
    publications.images_folder,
    publications.pure_terms,
    dataset.package_version,
    dataset.duckdb_version,
    publications.python_version,
    CAST(count(*) AS BIGINT) AS datasets,
    min(dataset.created_at) AS first_created_at,
    max(dataset.created_at) AS last_created_at,
FROM experiments.dataset
INNER JOIN experiments.experiment USING (experiment_id)
INNER JOIN publications USING (publication)
GROUP BY
    experiment.name,
    publications.source,
    publications.label_file,
    publications.label_file_sha256,
    publications.images_folder,
    publications.pure_terms,
    dataset.package_version,
    dataset.duckdb_version,
    publications.python_version;
COMMENT ON VIEW experiments.context IS
'one row per experiment and what its datasets were made with: index, label file, versions';
COMMENT ON COLUMN experiments.context.experiment IS 'name of the experiment';
COMMENT ON COLUMN experiments.context.source IS 'the repository: padchest';
COMMENT ON COLUMN experiments.context.label_file IS 'name of the label file that was indexed last';
COMMENT ON COLUMN experiments.context.label_file_sha256 IS 'SHA-256 of its bytes';
COMMENT ON COLUMN experiments.context.images_folder IS 'folder of the images, NULL where none was';
COMMENT ON COLUMN experiments.context.pure_terms IS
'whether only images with one finding were indexed';
COMMENT ON COLUMN experiments.context.package_version IS 'version of cxr-duck that made them';
COMMENT ON COLUMN experiments.context.duckdb_version IS 'version of DuckDB that made them';
COMMENT ON COLUMN experiments.context.python_version IS 'version of Python that indexed the images';
COMMENT ON COLUMN experiments.context.datasets IS 'datasets that were made so';
COMMENT ON COLUMN experiments.context.first_created_at IS 'when the first was recorded, UTC';
COMMENT ON COLUMN experiments.context.last_created_at IS 'when the last was recorded, UTC';

CREATE OR REPLACE VIEW experiments.recorded_images AS
SELECT
    image.image_id,
    min(image.patient_id) AS patient_id,
    CAST(count(DISTINCT finding.dataset_id) AS BIGINT) AS datasets,
    image.image_id IN (SELECT removed_images.image_id FROM removed_images) AS removed,
FROM experiments.image
INNER JOIN experiments.finding USING (finding_id)
GROUP BY image.image_id;
COMMENT ON VIEW experiments.recorded_images IS 'one row per image that a dataset holds';
COMMENT ON COLUMN experiments.recorded_images.image_id IS 'the image';
COMMENT ON COLUMN experiments.recorded_images.patient_id IS 'the patient of that image';
COMMENT ON COLUMN experiments.recorded_images.datasets IS 'datasets that hold it';
COMMENT ON COLUMN experiments.recorded_images.removed IS
'whether it was removed from the store since';
