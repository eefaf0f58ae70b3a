//! Bytes of a file to text: at most 4 MiB of UTF-8.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Lines, Location, codes};

/// The largest file that is read.
pub(super) const LARGEST: usize = 4 << 20;

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let shown = path.to_string_lossy().into_owned();
    let unreadable = |error: std::io::Error| {
        let cause = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "the file may not be read".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.to_string(),
        };
        let place = Location::whole_file(&*shown);
        Box::new(
            Diagnostic::new(codes::UNREADABLE, place, "the file cannot be read")
                .because(cause)
                .fix("check the path and the permissions"),
        )
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    decode(&shown, bytes)
}

/// The text of these bytes.
pub(super) fn decode(path: &str, bytes: Vec<u8>) -> Result<String, Box<Diagnostic>> {
    if bytes.len() > LARGEST {
        let place = Location::whole_file(path);
        let problem = Diagnostic::new(codes::TOO_LARGE, place, "the file is larger than 4 MiB")
            .fix("split the spec with `include:`, and keep data out of it");
        return Err(Box::new(problem));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let text = String::from_utf8_lossy(&bytes);
        let place = Location::in_source(&path.into(), &text, &Lines::new(&text), at..at + 1);
        let message = format!("the byte 0x{:02x} is not UTF-8", bytes.get(at).unwrap_or(&0));
        Box::new(Diagnostic::new(codes::NOT_UTF8, place, message).fix("save the file as UTF-8"))
    })
}
