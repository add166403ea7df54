# make demo   a made-up repository, indexed, a dataset made of it and exported
# make test   the tests, in three minutes: properties with few examples, a fifth of long lists of cases
# make test-torch   those that need PyTorch, which is 3 GB
# make test-spark   those that need Spark, which is 500 MB, and a Java of 17 or newer
# make real   the tests on PadChest's own label file, and each benchmark at its smallest
# make bench   the benchmarks on PadChest's own label file, ten minutes: what README prints
# make images   the benchmarks of image files at length, on made-up films
# make test-room ROOM=query   the tests of one room, or of house: what holds the structure
# make lint   ruff, mypy, and the order of the rooms by import-linter
# make test-newest   a short part of the tests on the newest releases of what is installed
# make constraints   renews constraints.txt, the releases that all of the above install
# make release-store   the store that a release leaves to later versions
# make growth, make splits, make fairness, make kills   the longer benchmarks and test of crashes

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CACHE := .cache
DEMO := demo
PARALLEL := --numprocesses 2 --dist worksteal

# Releases that are known to work, whatever comes out later. It holds on Python 3.11 on Linux.
CONSTRAINTS := constraints.txt
PINNED := --constraint $(CONSTRAINTS) --build-constraint $(CONSTRAINTS)
# Of kills, instants and examples of properties quick tries a fifth, full all (tests/conftest.py).
PROFILE := quick
PYTEST = -m pytest --hypothesis-profile $(PROFILE) --durations 20
# What meets most of DuckDB, pyarrow, polars, typer and hypothesis.
SHORT := $(addprefix tests/,terms sources query $(addprefix index/test_,conditions.py index.py \
	localizations.py) store/test_old_stores.py datasets/test_matrix.py datasets/test_datasets.py \
	cli/test_cli.py house/test_package.py)
# What reaches DuckDB: not formats and pixels, forms of an export, allocation, pages, the wheel.
OLDEST := $(addprefix tests/,audit cli index query sources store terms \
	$(addprefix datasets/test_,$(addsuffix .py,bundle covariates datasets matching matrix recipes \
	records why)) export/test_export.py images/test_check.py images/test_twins.py \
	house/test_sql_files.py)

PADCHEST := PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv
LOADER := torchxrayvision==1.5.7

.PHONY: install demo test test-room test-oldest test-newest constraints test-torch test-spark real lint bench images release-store growth splits fairness kills clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint $(CONSTRAINTS) pip
	$(BIN)/python -m pip install --quiet $(PINNED) --editable '.[test,lint,bench]'
	touch $@

demo: install
	rm -rf $(DEMO)
	mkdir $(DEMO)
	$(BIN)/cxr demo $(DEMO)/repository
	$(BIN)/cxr index $(DEMO)/repository/labels.csv --images $(DEMO)/repository/images --store $(DEMO)/store
	$(BIN)/cxr check --store $(DEMO)/store
	$(BIN)/cxr create normal not-normal --pure --hierarchy paper --where frontal --name paper --store $(DEMO)/store
	$(BIN)/cxr export paper $(DEMO)/training-set --size 256 --bits 8 --format png --store $(DEMO)/store
	@echo
	@echo 'Where to look:'
	@echo '  $(DEMO)/repository/images           chest films, 16 bits, made up; labels.csv beside them'
	@echo '  $(DEMO)/training-set/train/normal   a class of the training set, 256 pixels, 8 bits'
	@echo '  $(DEMO)/training-set/README.md      how it was made, and how to read it'
	@echo '  $(DEMO)/training-set/manifest.csv   every image of it, with patient and findings'
	@echo '  $(DEMO)/store/cxr.duckdb            the index and the record, for DuckDB and its shell'
	@echo 'What to type next:'
	@echo '  export CXR_STORE=$(DEMO)/store PATH=$$PWD/$(BIN):$$PATH'
	@echo '  cxr terms not-normal; cxr find nodule; cxr show paper; cxr reproduce paper'

test: install
	@echo 'All tests but those on Spark, with PyTorch and on the real label file.'
	@echo 'About three minutes of two cores. Quicker: make test-room ROOM=query, or another room.'
	@echo 'Left to make test PROFILE=full: some slow tests, and most examples, kills and long lists.'
	$(BIN)/python $(PYTEST) $(PARALLEL) -m 'not spark and not real'

test-room: install
	@test -d 'tests/$(ROOM)' && test -n '$(ROOM)' || { echo 'make test-room ROOM=…: a folder of tests/'; exit 1; }
	$(BIN)/python $(PYTEST) $(PARALLEL) -m 'not spark and not install' tests/$(ROOM)

# What reaches DuckDB, on the oldest one that is supported.
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python $(PYTEST) $(PARALLEL) -m 'not spark' $(OLDEST)

.venv-oldest/installed: pyproject.toml $(CONSTRAINTS)
	$(PYTHON) -m venv .venv-oldest
	grep -v '^duckdb==' $(CONSTRAINTS) > .venv-oldest/$(CONSTRAINTS)
	.venv-oldest/bin/python -m pip install --quiet --upgrade --constraint $(CONSTRAINTS) pip
	.venv-oldest/bin/python -m pip install --quiet --constraint .venv-oldest/$(CONSTRAINTS) \
		--build-constraint $(CONSTRAINTS) --editable '.[test]' 'duckdb==1.4.*'
	touch $@

# In an environment that is made anew, without constraints: what a user gets who installs today.
test-newest:
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade pip
	.venv-newest/bin/python -m pip install --quiet --editable '.[test]'
	@sed 's/;.*//' $(CONSTRAINTS) > .venv-newest/$(CONSTRAINTS)
	@echo 'Releases that are not those of $(CONSTRAINTS):'
	@.venv-newest/bin/python -m pip freeze --all --exclude-editable --exclude setuptools \
		| grep -vxFf .venv-newest/$(CONSTRAINTS) || echo none
	.venv-newest/bin/python $(PYTEST) $(PARALLEL) -m 'not spark' $(SHORT)

# PyTorch is left out: each takes the build for its machine.
constraints:
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade pip
	.venv-newest/bin/python -m pip install --quiet --editable '.[test,lint,bench,spark]'
	sed -n '/^#/p' $(CONSTRAINTS) > .venv-newest/$(CONSTRAINTS)
	.venv-newest/bin/python -m pip freeze --all --exclude-editable --exclude setuptools \
		| sed 's/$$/; python_version == "3.11" and sys_platform == "linux"/' \
		>> .venv-newest/$(CONSTRAINTS)
	mv .venv-newest/$(CONSTRAINTS) $(CONSTRAINTS)

test-torch: install
	$(BIN)/python -m pip install --quiet $(PINNED) --editable '.[test,torch]'
	$(BIN)/python $(PYTEST) tests/datasets/test_torch.py

# One session of Spark at a time, which takes both cores.
test-spark: $(VENV)/spark
	$(BIN)/python $(PYTEST) -m 'spark and not real'

$(VENV)/spark: $(VENV)/installed
	$(BIN)/python -m pip install --quiet $(PINNED) --editable '.[test,spark]'
	touch $@

# PadChest's terms forbid sharing its rows, so its label file is taken from the public wheel of the
# loader that carries it, into a cache that git ignores.
$(CACHE)/$(PADCHEST):
	mkdir -p $(CACHE)
	$(PYTHON) -m pip download --quiet --no-deps --dest $(CACHE) '$(LOADER)'
	$(PYTHON) -m zipfile --extract $(CACHE)/torchxrayvision-*.whl $(CACHE)/wheel
	gunzip --stdout $(CACHE)/wheel/torchxrayvision/data/$(PADCHEST).gz > $@.partial
	mv $@.partial $@
	rm -rf $(CACHE)/wheel

real: $(VENV)/spark $(CACHE)/$(PADCHEST)
	CXR_PADCHEST=$(CACHE)/$(PADCHEST) $(BIN)/python $(PYTEST) -m real -v
	@echo 'Each benchmark at its smallest: that it runs, not how fast.'
	$(MAKE) --no-print-directory bench ENGINES=duckdb WALKS=1 RECIPES=1 ROUNDS=1 TURNS=1 MEMBERS=10000 \
		SEEDS='--recipes 1 --seeds 2 --other-seeds 1'

# How much `make bench` measures.
ENGINES := duckdb spark
WALKS := 3
RECIPES := 20
SEEDS := --short
ROUNDS := 3
TURNS := 7
MEMBERS := 160861

bench: $(VENV)/spark $(CACHE)/$(PADCHEST)
	$(BIN)/python -m benchmarks.table2 $(CACHE)/$(PADCHEST) --walks $(WALKS) --picture $(CACHE)/figure2.png
	$(BIN)/python -m benchmarks.index $(CACHE)/$(PADCHEST) --rounds $(TURNS)
	$(BIN)/python -m benchmarks.sentences $(CACHE)/$(PADCHEST)
	$(BIN)/python -W ignore -m benchmarks.splits $(CACHE)/$(PADCHEST) --recipes $(RECIPES)
	$(BIN)/python -W ignore -m benchmarks.fairness $(CACHE)/$(PADCHEST) $(SEEDS)
	$(BIN)/python -m benchmarks.growth $(CACHE)/$(PADCHEST) --times 1 --engines $(ENGINES)
	$(BIN)/python -m benchmarks.listing --times 1 --images $(MEMBERS)
	$(BIN)/python -m benchmarks.check --films 2 --rounds $(ROUNDS)
	$(BIN)/python -m benchmarks.export --films 12 --rounds 1

images: install
	$(BIN)/python -m benchmarks.listing
	$(BIN)/python -m benchmarks.check
	$(BIN)/python -m benchmarks.export
	$(BIN)/python -m benchmarks.twins

# Both engines at 1, 10 and 100 times PadChest: most of an hour, 40 GB of disk.
growth: $(VENV)/spark $(CACHE)/$(PADCHEST)
	$(BIN)/python -m benchmarks.growth $(CACHE)/$(PADCHEST) --out $(CACHE)/growth.jsonl

# The comparison of splits over 200 random recipes: a quarter of an hour, nearly all of it the others.
splits: install $(CACHE)/$(PADCHEST)
	$(BIN)/python -W ignore -m benchmarks.splits $(CACHE)/$(PADCHEST)

# Which patients come to test over 200 seeds of 40 of those recipes: half an hour.
fairness: install $(CACHE)/$(PADCHEST)
	$(BIN)/python -W ignore -m benchmarks.fairness $(CACHE)/$(PADCHEST)

# Before a version is released: its store, which every later version must open.
release-store: install
	$(BIN)/python -m tests.support.release_store

# Writers killed at 200 random instants: the store must hold the old state or the new one.
kills: install
	$(BIN)/python -m tests.support.kills --kills 200

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@told=$$($(BIN)/lint-imports --no-logo --no-cache 2>&1) || { echo "$$told"; exit 1; }

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest $(DEMO) build dist
