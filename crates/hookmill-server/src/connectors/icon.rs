//! Icons: decoded within bounds, made small, and written anew as PNG.
//!
//! What is stored and shown is made by this server, so nothing that a file carries beside its picture gets to a browser:
//! no second format, no comment, no profile.

use std::io::Cursor;

use axum::http::StatusCode;
use hookmill_store::Icon;
use image::imageops::FilterType;
use image::{ImageFormat, ImageReader, Limits};

use crate::Problem;

const BYTES_MAX: usize = 1024 * 1024;
/// A larger picture is refused before it is decoded.
const SIDE_MAX: u32 = 2_048;
/// Memory that decoding may take.
const DECODED_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// The picture that is kept is not larger than this.
const KEPT_SIDE_MAX: u32 = 230;

fn wrong_type() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "icon_type", "An icon is a PNG, JPEG, GIF or WebP file.")
}

/// The icon to keep.
///
/// # Errors
/// `icon_too_large` for bytes or pixels, `icon_type` for another format, `icon_invalid` for what cannot be decoded.
pub(super) fn read(bytes: &[u8]) -> Result<Icon, Problem> {
    let too_large = |detail: &str| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "icon_too_large", detail);
    if bytes.len() > BYTES_MAX {
        return Err(too_large("An icon has at most 1 MB."));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|_| wrong_type())?;
    let taken = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
    if !reader.format().is_some_and(|format| taken.contains(&format)) {
        return Err(wrong_type());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| match error {
        image::ImageError::Limits(_) => too_large("An icon has at most 2048 pixels on each side."),
        error => Problem::bad("icon_invalid", format!("The icon cannot be read: {error}.")),
    })?;
    let picture = if picture.width() > KEPT_SIDE_MAX || picture.height() > KEPT_SIDE_MAX {
        picture.resize(KEPT_SIDE_MAX, KEPT_SIDE_MAX, FilterType::CatmullRom)
    } else {
        picture
    };
    let mut written = Vec::new();
    let plain = image::DynamicImage::ImageRgba8(picture.into_rgba8());
    plain.write_to(&mut Cursor::new(&mut written), ImageFormat::Png).map_err(|error| Problem::internal(&error))?;
    Ok(Icon { content_type: "image/png".to_owned(), bytes: written.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::DynamicImage::new_rgba8(width, height);
        picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// A PNG whose head says another size than its data has.
    fn claiming(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = png(1, 1);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = u32::MAX;
        for byte in &bytes[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            }
        }
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        bytes
    }

    fn code(bytes: &[u8]) -> String {
        read(bytes).err().map(|problem| problem.code().to_owned()).unwrap_or_default()
    }

    #[test]
    fn pictures_are_written_anew() {
        let mut polyglot = png(600, 300);
        polyglot.extend_from_slice(b"<script>alert(1)</script>");
        let icon = read(&polyglot).unwrap();
        assert_eq!(icon.content_type, "image/png");
        assert!(!icon.bytes.windows(7).any(|part| part == b"<script"));
        let kept = image::load_from_memory(&icon.bytes).unwrap();
        assert_eq!((kept.width(), kept.height()), (230, 115));
        let mut gif = Vec::new();
        image::DynamicImage::new_rgb8(8, 8)
            .into_rgba8()
            .write_to(&mut Cursor::new(&mut gif), ImageFormat::Gif)
            .unwrap();
        assert_eq!(read(&gif).unwrap().content_type, "image/png");
    }

    #[test]
    fn bombs_and_other_files_are_refused() {
        assert_eq!(code(&claiming(60_000, 60_000)), "icon_too_large");
        assert_eq!(code(&claiming(2_049, 1)), "icon_too_large");
        assert_eq!(code(&vec![0; BYTES_MAX + 1]), "icon_too_large");
        assert_eq!(code(b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script/></svg>"), "icon_type");
        assert_eq!(code(b""), "icon_type");
        assert_eq!(code(b"BM\x00\x00"), "icon_type");
        assert_eq!(code(&png(8, 8)[..40]), "icon_invalid");
    }
}
