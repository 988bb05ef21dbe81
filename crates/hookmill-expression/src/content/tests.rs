//! Bodies as services send them.

use super::*;

fn read(header: &str, bytes: &[u8]) -> String {
    body(Some(header).filter(|header| !header.is_empty()), bytes)
        .value
        .map_or_else(String::new, |value| value.to_json())
}

#[test]
fn a_byte_order_mark_decides_else_the_charset_else_it_is_utf_8() {
    let utf16: Vec<u8> = "\u{feff}{\"t\":\"日本🦀\"}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read("application/json; charset=utf-8", &utf16), r#"{"t":"日本🦀"}"#);
    assert_eq!(read("application/json; charset=\"Windows-1252\"", b"{\"p\":\"5 \x80\"}"), r#"{"p":"5 €"}"#);
    assert_eq!(read("text/plain; charset=iso-8859-1", b"caf\xE9 \x93"), "\"café “\"");
    assert_eq!(read("text/plain; charset=shift_jis", b"\x93\xFA\x96{"), "\"日本\"");
    assert_eq!(read("text/plain; charset=nobody-knows", "ü".as_bytes()), "\"ü\"");
    assert_eq!(read("", b"\xEF\xBB\xBF{\"a\":1}"), r#"{"a":1}"#);
}

#[test]
fn one_odd_number_or_character_spoils_nothing_else() {
    let read = |text: &str| read("application/json", text.as_bytes());
    assert_eq!(read(r#"{"a":1e400,"b":[-1E999,2],"c":"kept"}"#), r#"{"a":"1e400","b":["-1E999",2],"c":"kept"}"#);
    assert_eq!(read(r#"{"a":"x\ud83dz","b":"\udd80","c":"\ud83e\udd80","d":"\\ud83d \"1e999"}"#), {
        r#"{"a":"x�z","b":"�","c":"🦀","d":"\\ud83d \"1e999"}"#
    });
    assert_eq!(read(r#"{"a":1e400,}"#), r#""{\"a\":1e400,}""#, "what is no JSON stays text");
    let broken = body(Some("application/json"), b"{\"a\":}").broken;
    assert!(broken.is_some_and(|message| message.contains("line 1")));
}

#[test]
fn numbers_can_be_read_as_they_are_written() {
    let read = |text: &str| json_texts("", text.as_bytes()).map(|value| value.to_json());
    assert_eq!(read(r#"[1.50,-0,1E5,12345678901234567890,"7",true,null]"#).as_deref(), {
        Some(r#"["1.50","-0","1E5","12345678901234567890","7",true,null]"#)
    });
    for broken in ["01", "1.", "+1", "-", ".5", "1e", "[1 2]", "{\"a\\", "\"\\"] {
        assert_eq!(read(broken), None, "{broken}");
    }
}
