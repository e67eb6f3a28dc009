# The local server for tests of what uses Holdfast (docs/in-ci.md). It is not how Holdfast is deployed.
FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package holdfast-local

FROM debian:bookworm-slim
# The data file is readable for its owner alone, so the owner has a number that volumes keep.
RUN useradd --uid 6500 --create-home --home-dir /data holdfast
COPY --from=build /src/target/release/holdfast-local /usr/local/bin/
USER holdfast
VOLUME /data
EXPOSE 6500
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s CMD ["holdfast-local", "health"]
ENTRYPOINT ["holdfast-local"]
CMD ["--bind", "0.0.0.0", "--host", "holdfast", "--quiet"]
