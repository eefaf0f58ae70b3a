//! Stores of files: folders and buckets keep the same promises. `PROOFLINE_S3S` names the program of a server that
//! speaks S3, s3s-fs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod agreement;
mod bucket;
mod server;
