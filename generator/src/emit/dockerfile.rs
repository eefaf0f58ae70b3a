//! `deploy/Dockerfile`: builds the service as one static binary, and keeps nothing else but what that needs.

use proofline_spec::document::Binding;

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

/// Who the service runs as; a number, so that an image without a list of users can be checked for it.
pub(super) const USER: &str = "65532:65532";

#[expect(clippy::unnecessary_wraps, reason = "every emitter has this signature")]
pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let identity = &input.service.service;
    let name = &identity.name;
    let banner = emit::banner(input);
    let folder = input.crate_folder();
    let text = format!(
        r#"# {banner}
# Build from the root of the workspace: docker build -f {folder}/deploy/Dockerfile -t {name} .
# With --build-arg BINARY=prebuilt, what the last stage copies is taken from {folder}/build/image/ instead.

# The stage that the binary is taken from: `build`, or `prebuilt`.
ARG BINARY=build

# Manifests with empty sources: what comes of this changes with the dependencies only, and so does what is built on it.
FROM rust:{rust}-slim-trixie AS manifests
WORKDIR /plan
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/src/lib.rs' ! -path '*/src/main.rs' \
    ! -path '*/tests/*.rs' ! -path '*/examples/*.rs' ! -path '*/benches/*.rs' -delete \
 && find . -name '*.rs' -exec sh -c 'for file; do printf "//! Empty.\nfn main() {{ }}\n" > "$file"; done' sh {{}} +

FROM rust:{rust}-slim-trixie AS build
# Every file of the image has this time, so that the same inputs make the same layers.
ARG SOURCE_DATE_EPOCH=0
ENV RUSTFLAGS="-C target-feature=+crt-static"
WORKDIR /build
COPY --from=manifests /plan .
RUN cargo build --locked --profile dist --package {name} --target "$(rustc --print host-tuple)"
COPY runtime/src runtime/src
COPY {folder}/src {folder}/src
{migrations}RUN find runtime -name '*.rs' -exec touch {{}} + \
 && cargo build --locked --profile dist --package {name} --target "$(rustc --print host-tuple)" \
 && mkdir -p /out/home/data /out/home/tmp /out/root/etc/ssl/certs \
 && cp "target/$(rustc --print host-tuple)/dist/{name}" /out/root/service \
 && cp /etc/ssl/certs/ca-certificates.crt /out/root/etc/ssl/certs/ \
 && find /out -exec touch -d "@$SOURCE_DATE_EPOCH" {{}} +

FROM scratch AS prebuilt
COPY {folder}/build/image /out

# hadolint ignore=DL3006
FROM ${{BINARY}} AS binary

FROM scratch
ARG REVISION=unknown
LABEL org.opencontainers.image.title="{name}" \
      org.opencontainers.image.description="{summary}" \
      org.opencontainers.image.version="{version}" \
      org.opencontainers.image.revision="$REVISION" \
      dev.proofline.spec-digest="{digest}"
COPY --from=binary --chown={USER} /out/home/ /
COPY --from=binary /out/root/ /
USER {USER}
ENV HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:/data/service.db
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["/service", "healthcheck"]
ENTRYPOINT ["/service"]
CMD ["serve"]
"#,
        rust = rust_version(),
        migrations = migrations(input),
        summary = identity.summary.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"),
        version = identity.version,
        digest = input.digest,
    );
    tree.add(format!("{folder}/deploy/Dockerfile"), Owner::Generator, text);
    Ok(())
}

/// The oldest compiler that the workspace allows is the one that it is tested with.
const fn rust_version() -> &'static str {
    env!("CARGO_PKG_RUST_VERSION")
}

/// The migrations are part of the binary.
fn migrations(input: &Input<'_>) -> String {
    let folders = input.service.bindings.values().filter_map(|binding| match binding {
        Binding::Sql { migrations, .. } => Some(migrations.trim_end_matches('/')),
        _ => None,
    });
    let mut folders: Vec<String> =
        folders.map(|folder| format!("spec/services/{}/{folder}", input.folder)).collect();
    folders.dedup();
    let mut text = String::new();
    for folder in folders {
        text.push_str(&format!("COPY {folder} {folder}\n"));
    }
    text
}
