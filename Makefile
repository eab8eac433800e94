# demo · test · lint · bench · build. Nothing needs to be installed by hand: Rust, Python 3 and make suffice.

CLI := target/demo/immuta-watch
CLASSIFY := target/demo/classify
SWEEP := target/demo/sweep
WEBHOOK := target/demo/webhook
PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo build test test-rust test-end-to-end bench lint clean

help: ## What there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# Everything at once: built one by one, the same libraries would be built again with other features.
build: ## Build the command line (target/demo/immuta-watch) and the functions
	cargo build --quiet --locked --profile demo --workspace

demo: build ## Simulate six weeks of a tenant, classify them, verify the lake, show one alert
	@rm -rf demo && mkdir demo
	@echo "$$ $(CLI) simulate --out demo --days 44 --events-per-day 7000" && \
		$(CLI) simulate --out demo --days 44 --events-per-day 7000 && echo
	@echo "$$ $(CLI) run demo/exports --lake demo/lake --config demo/immuta-watch.yml" && \
		$(CLI) run demo/exports --lake demo/lake --config demo/immuta-watch.yml && echo
	@echo "$$ $(CLI) verify --lake demo/lake --exports demo/exports" && \
		$(CLI) verify --lake demo/lake --exports demo/exports && echo
	@$(PYTHON) simulate/planted.py $(CLI) demo

test: test-rust test-end-to-end ## Every test

test-rust: ## Unit, property and protocol tests
	cargo test --locked --workspace

test-end-to-end: build ## The built programs against real parts (DuckDB, pySigma, S3, SQS, SNS, kill -9)
	IMMUTA_WATCH=$(CLI) IMMUTA_WATCH_CLASSIFY=$(CLASSIFY) IMMUTA_WATCH_SWEEP=$(SWEEP) \
		IMMUTA_WATCH_WEBHOOK=$(WEBHOOK) $(PYTHON) tests/run.py

bench: ## Compare with what one would run instead (BENCH=--base: a few minutes)
	cargo build --quiet --locked --release --workspace --bins --examples
	IMMUTA_WATCH=target/release/immuta-watch IMMUTA_WATCH_CLASSIFY=target/release/classify \
		IMMUTA_WATCH_WEBHOOK=target/release/webhook $(PYTHON) bench/run.py $(BENCH)

lint: ## Formatting, clippy, documentation
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --lib --no-deps \
		--document-private-items --quiet

clean: ## Remove everything that was built or simulated
	cargo clean
	rm -rf demo .venv
