//! `deploy/Dockerfile`: builds the service in one stage, and keeps nothing but its binary in the other.

use crate::tree::{Owner, Tree};
use crate::{Input, emit};

#[expect(clippy::unnecessary_wraps, reason = "every emitter has this signature")]
pub(super) fn emit(input: &Input<'_>, tree: &mut Tree) -> Result<(), emit::BoxError> {
    let identity = &input.service.service;
    let name = &identity.name;
    let banner = emit::banner(input);
    let folder = input.crate_folder();
    let text = format!(
        r#"# {banner}
# Build from the root of the workspace: docker build -f {folder}/deploy/Dockerfile -t {name} .

FROM rust:1.95-slim-trixie AS build
WORKDIR /build
COPY . .
RUN cargo build --locked --profile dist --package {name} \
 && mkdir -p /out/data \
 && cp target/dist/{name} /out/service

FROM gcr.io/distroless/cc-debian13:nonroot
LABEL org.opencontainers.image.title="{name}" \
      org.opencontainers.image.version="{version}" \
      dev.proofline.spec-digest="{digest}"
COPY --from=build /out/service /service
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:/data/service.db
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --retries=3 CMD ["/service", "healthcheck"]
ENTRYPOINT ["/service"]
CMD ["serve"]
"#,
        version = identity.version,
        digest = input.digest,
    );
    tree.add(format!("{folder}/deploy/Dockerfile"), Owner::Generator, text);
    Ok(())
}
