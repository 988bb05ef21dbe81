//! Letters as .NET has them: capitals and white space.

/// The capital of a character, as the invariant culture has it: one character, so that lengths and positions stay.
pub(crate) fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        // The Turkish ı is not another i.
        (Some(one), None) if one.len_utf16() == c.len_utf16() && c != 'ı' => one,
        _ => c,
    }
}

/// White space as .NET's `Char.IsWhiteSpace` has it.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, '\u{9}'..='\u{d}' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}
