//! What a file is, from its first bytes, and how large an image is, from its header. Nothing is decoded.

use crate::definition::Upload;
use crate::problem::{DAMAGED_CONTENT, Failure, IMAGE_TOO_LARGE, UNACCEPTED_CONTENT};

/// So many bytes are enough to know what a file is.
const ENOUGH: usize = 4096;
/// The size of an image stands within so many bytes, or it is refused. Cameras put previews before it.
pub const LONGEST_HEADER: usize = 1024 * 1024;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its media type.
    pub media_type: &'static str,
    /// The ending of its name.
    pub extension: &'static str,
}

/// Names for the same thing, and the one that is used.
const SAME: [(&str, &str); 12] = [
    ("audio/m4a", "audio/mp4"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/x-flac", "audio/flac"),
    ("audio/x-m4a", "audio/mp4"),
    ("audio/x-mp3", "audio/mpeg"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/opus", "audio/ogg"),
    ("audio/vnd.wave", "audio/wav"),
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("video/x-m4v", "video/mp4"),
];

/// A media type under the one name that is used for it.
fn usual(essence: &str) -> &str {
    SAME.iter().find(|(other, _)| *other == essence).map_or(essence, |(_, usual)| usual)
}

/// What a client says that a file is; nothing where it leaves that open.
pub fn declared(content_type: Option<&str>) -> Option<String> {
    const OPEN: [&str; 2] = ["application/octet-stream", "application/offset+octet-stream"];
    let essence = content_type?.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    (!essence.is_empty() && !OPEN.contains(&essence.as_str())).then(|| usual(&essence).to_owned())
}

/// Judges a file by its beginning: what it is, `None` when more of it is needed, or why it is refused.
pub fn judge(
    upload: &Upload,
    declared: Option<&str>,
    beginning: &[u8],
    is_whole: bool,
) -> Result<Option<Kind>, Failure> {
    if !is_whole && beginning.len() < ENOUGH {
        return Ok(None);
    }
    let refused = |detail: String| Failure::of(&UNACCEPTED_CONTENT).detail(detail);
    let found = infer::get(beginning);
    let accepted = found.and_then(|found| {
        let media_type = usual(found.mime_type());
        let accepted = upload.accept.iter().find(|accepted| **accepted == media_type)?;
        Some(Kind { media_type: accepted, extension: found.extension() })
    });
    let Some(kind) = accepted else {
        return Err(refused(format!("Send one of: {}.", upload.accept.join(", "))));
    };
    if let Some(declared) = declared.filter(|declared| *declared != kind.media_type) {
        // It is said as it was sent, without what could not be a media type.
        let sent: String = declared.chars().filter(char::is_ascii_graphic).take(80).collect();
        return Err(refused(format!("The file is {}, not {sent}.", kind.media_type)));
    }
    if let Some(most) = upload.max_pixels
        && kind.media_type.starts_with("image/")
        && !fits(most, beginning, is_whole)?
    {
        return Ok(None);
    }
    Ok(Some(kind))
}

/// Whether an image has no more pixels than it may have; false when that is not known yet.
fn fits(most: u64, beginning: &[u8], is_whole: bool) -> Result<bool, Failure> {
    match imagesize::blob_size(beginning) {
        Ok(size) if size.width == 0 || size.height == 0 => Err(Failure::of(&DAMAGED_CONTENT)),
        Ok(size) => {
            let pixels = (size.width as u64).saturating_mul(size.height as u64);
            if pixels <= most {
                return Ok(true);
            }
            let detail = format!("It has {pixels} pixels; at most {most} are taken.");
            Err(Failure::of(&IMAGE_TOO_LARGE).detail(detail))
        }
        Err(_) if is_whole || beginning.len() >= LONGEST_HEADER => {
            Err(Failure::of(&DAMAGED_CONTENT))
        }
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const UPLOAD: Upload = Upload {
        to: "FILES",
        accept: &["image/png", "image/jpeg", "image/gif", "image/webp", "video/mp4", "audio/wav"],
        max_size: 1_000_000,
        max_pixels: Some(1_000_000),
        within: Duration::from_mins(1),
        resumable: None,
    };

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        file.extend_from_slice(&width.to_be_bytes());
        file.extend_from_slice(&height.to_be_bytes());
        file.extend_from_slice(&[8, 2, 0, 0, 0, 0, 0, 0, 0]);
        file
    }

    fn said(file: &[u8], declared: Option<&str>) -> Result<&'static str, &'static str> {
        match judge(&UPLOAD, declared, file, true) {
            Ok(Some(kind)) => Ok(kind.media_type),
            Ok(None) => Err("more is needed"),
            Err(failure) => Err(failure.problem().name),
        }
    }

    #[test]
    fn the_content_decides_and_not_what_is_said() {
        let image = png(10, 10);
        assert_eq!(said(&image, None), Ok("image/png"));
        assert_eq!(said(&image, Some("image/png")), Ok("image/png"));
        assert_eq!(said(&image, Some("image/jpeg")), Err("unaccepted-content"));
        assert_eq!(said(b"<html>", Some("image/png")), Err("unaccepted-content"));
        assert_eq!(said(b"%PDF-1.7", None), Err("unaccepted-content"), "a kind that is not taken");
        assert_eq!(said(b"", None), Err("unaccepted-content"));
        assert_eq!(said(b"RIFF\x24\0\0\0WAVEfmt ", Some("audio/wav")), Ok("audio/wav"));
    }

    #[test]
    fn images_are_measured_by_their_headers() {
        assert_eq!(said(&png(1000, 1000), None), Ok("image/png"));
        assert_eq!(said(&png(1001, 1000), None), Err("image-too-large"));
        assert_eq!(said(&png(u32::MAX, u32::MAX), None), Err("image-too-large"));
        assert_eq!(said(&png(0, 10), None), Err("damaged-content"));
        assert_eq!(said(&png(10, 10)[..20], None), Err("damaged-content"), "cut in its header");
    }

    #[test]
    fn what_is_not_whole_is_waited_for_but_not_for_ever() {
        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF];
        jpeg.resize(5000, 0);
        assert!(matches!(judge(&UPLOAD, None, &jpeg, false), Ok(None)), "its size may still come");
        jpeg.resize(LONGEST_HEADER, 0);
        assert!(judge(&UPLOAD, None, &jpeg, false).is_err(), "a header of a megabyte");
    }

    #[test]
    fn what_leaves_the_kind_open_is_not_compared() {
        assert_eq!(declared(None), None);
        assert_eq!(declared(Some("application/octet-stream")), None);
        assert_eq!(declared(Some(" Image/JPG ; q=1")).as_deref(), Some("image/jpeg"));
    }
}
