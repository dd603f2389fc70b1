# The service alone: one program with the Swift libraries in it, and libhiredis and libpq. It needs no shell to run.
FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libhiredis-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src

# Dependencies change seldom, so they have a separate layer.
COPY Package.swift ./
RUN swift package resolve

# The manifest names the test targets too, and SwiftPM requires their folders.
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product rollcall \
    && install "$(swift build -c release --show-bin-path)/rollcall" /usr/local/bin/rollcall \
    && strip --strip-debug /usr/local/bin/rollcall

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libhiredis0.14 libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rollcall
COPY --from=build /usr/local/bin/rollcall /usr/local/bin/rollcall
COPY deploy/healthcheck /usr/local/bin/rollcall-healthcheck
USER 10001

# A node also needs ROLLCALL_REDIS_URL and the keys of its callers (docs/access.md): without keys it does not start. It
# writes no file and needs no capability, so run it with --read-only, --cap-drop ALL and
# --security-opt no-new-privileges (docs/operations.md, Containers).
# Other containers cannot reach loopback inside this one.
ENV ROLLCALL_HOST=0.0.0.0
EXPOSE 4000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["rollcall-healthcheck"]
ENTRYPOINT ["rollcall"]
CMD ["serve"]
