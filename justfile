# `just` lists the recipes. Each is one command or a few, to run or to copy.

# Lists the recipes.
default:
    @just --list

# Starts the whole API on this machine.
run *arguments:
    cargo run -- {{ arguments }}

# Runs every test, or those whose names contain a word.
test *filter:
    cargo test --workspace --locked -- {{ filter }}

# What a change must pass before it is reviewed.
check:
    cargo fmt --all -- --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
    INSTA_UPDATE=no cargo test --workspace --locked

# Checks the protocol and the service: model, mutants, soak, check or report.
proof *arguments:
    cargo run --profile proof -p holdfast-proof -- {{ arguments }}

# Runs a benchmark: functions, throttled, variants, load, scale, directory or bodies.
bench *arguments:
    cargo run --profile proof -p holdfast-bench -- {{ arguments }}

# Sends generated requests to the local server, and walks through all dialects with generated clients.
document *arguments:
    scripts/generated-cases {{ arguments }}
    scripts/generated-clients

# Builds the functions for Lambda and runs each in a container with every event.
sam-local:
    sam build
    scripts/sam-local
