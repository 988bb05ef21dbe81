//! Functions of texts and addresses.

use super::{Evaluator::Strict, Function, row};
use crate::{number, string, uri};

pub(super) static ROWS: &[Function] = &[
    row!(String, "concat(value, …)", 1.., Strict(string::concat), "Joins the values to one text; null adds nothing.", "@concat('push by ', 'ada', null)" => r#""push by ada""#),
    row!(String, "substring(text, start, length?)", 2..=3, Strict(string::substring), "The part of a text from a position, of a length or to the end. Both must lie within the text.", "@substring('repository', 0, 4)" => r#""repo""#),
    row!(String, "slice(text, start, end?)", 2..=3, Strict(string::slice), "The part of a text between two positions; negative ones count from the end. Never an error.", "@slice('refs/heads/main', -4)" => r#""main""#),
    row!(String, "replace(text, old, new)", 3..=3, Strict(string::replace), "Replaces every occurrence; case matters.", "@replace('refs/heads/main', 'refs/heads/', '')" => r#""main""#),
    row!(String, "toLower(text)", 1..=1, Strict(string::to_lower), "The text in lower case.", "@toLower('Main')" => r#""main""#),
    row!(String, "toUpper(text)", 1..=1, Strict(string::to_upper), "The text in upper case.", "@toUpper('Main')" => r#""MAIN""#),
    row!(String, "trim(text)", 1..=1, Strict(string::trim), "The text without white space at both ends.", "@trim('  main ')" => r#""main""#),
    row!(String, "indexOf(text, search)", 2..=2, Strict(string::index_of), "Where the search text first stands, from 0, ignoring case; −1 where it does not.", "@indexOf('hello world', 'World')" => "6"),
    row!(String, "lastIndexOf(text, search)", 2..=2, Strict(string::last_index_of), "Where the search text last stands, from 0, ignoring case; −1 where it does not.", "@lastIndexOf('a/b/c', '/')" => "3"),
    row!(String, "nthIndexOf(text, search, n)", 3..=3, Strict(string::nth_index_of), "Where the search text stands for the n-th time, from the end for a negative n; −1 where it does not.", "@nthIndexOf('a/b/c', '/', 2)" => "3"),
    row!(String, "startsWith(text, search)", 2..=2, Strict(string::starts_with), "Whether the text begins with the search text, ignoring case.", "@startsWith('refs/heads/main', 'REFS/')" => "true"),
    row!(String, "endsWith(text, search)", 2..=2, Strict(string::ends_with), "Whether the text ends with the search text, ignoring case.", "@endsWith('notes.txt', '.TXT')" => "true"),
    row!(String, "split(text, delimiter)", 2..=2, Strict(string::split), "The parts between the delimiters.", "@split('a,b,c', ',')" => r#"["a","b","c"]"#),
    row!(String, "length(collection)", 1..=1, Strict(string::length), "The number of characters of a text or of elements of an array.", "@length('main')" => "4"),
    row!(String, "guid(format?)", 0..=1, Strict(string::guid), "A new identifier, in the format D, N, B, P or X.", "@length(guid())" => "36"),
    row!(String, "formatNumber(number, format, locale?)", 2..=3, Strict(number::format_number), "A number as text by a .NET format: N, F, C, P, D, X, E, G or a custom one like #,##0.00.", "@formatNumber(1234.5, 'N2')" => r#""1,234.50""#),
    row!(String, "chunk(collection, length)", 2..=2, Strict(string::chunk), "Pieces of that length; the last may be shorter.", "@chunk('abcde', 2)" => r#"["ab","cd","e"]"#),
    row!(String, "utf8Length(text)", 1..=1, Strict(string::utf8_length), "The number of bytes in UTF-8.", "@utf8Length('é')" => "2"),
    row!(String, "utf16Length(text)", 1..=1, Strict(string::utf16_length), "The number of bytes in UTF-16.", "@utf16Length('é')" => "2"),
    row!(String, "trimByteOrderMark(value)", 1..=1, Strict(string::trim_byte_order_mark), "The text or content without a leading byte order mark.", "@trimByteOrderMark('abc')" => r#""abc""#),
    row!(String, "encodeXmlValue(text)", 1..=1, Strict(string::encode_xml_value), "The text with the characters escaped that mean something in XML.", "@encodeXmlValue('a < b')" => r#""a &lt; b""#),
    row!(String, "decodeXmlValue(text)", 1..=1, Strict(string::decode_xml_value), "The text with its XML entities resolved.", "@decodeXmlValue('a &lt; b')" => r#""a < b""#),
    row!(String, "encodeXmlName(text)", 1..=1, Strict(string::encode_xml_name), "A name that XML allows; other characters become _xHHHH_.", "@encodeXmlName('my name')" => r#""my_x0020_name""#),
    row!(String, "decodeXmlName(text)", 1..=1, Strict(string::decode_xml_name), "The name that encodeXmlName encoded.", "@decodeXmlName('my_x0020_name')" => r#""my name""#),
];

pub(super) static URIS: &[Function] = &[
    row!(Uri, "uriHost(uri)", 1..=1, Strict(uri::host), "The host of an absolute address.", "@uriHost('https://example.org:8080/a?b=c')" => r#""example.org""#),
    row!(Uri, "uriPath(uri)", 1..=1, Strict(uri::path), "The path of an absolute address.", "@uriPath('https://example.org/a/b?c=d')" => r#""/a/b""#),
    row!(Uri, "uriPathAndQuery(uri)", 1..=1, Strict(uri::path_and_query), "The path and the query of an absolute address.", "@uriPathAndQuery('https://example.org/a?b=c')" => r#""/a?b=c""#),
    row!(Uri, "uriPort(uri)", 1..=1, Strict(uri::port), "The port of an absolute address, the scheme's own where none is written.", "@uriPort('https://example.org/')" => "443"),
    row!(Uri, "uriQuery(uri)", 1..=1, Strict(uri::query), "The query of an absolute address with its question mark.", "@uriQuery('https://example.org/a?b=c')" => r#""?b=c""#),
    row!(Uri, "uriScheme(uri)", 1..=1, Strict(uri::scheme), "The scheme of an absolute address.", "@uriScheme('https://example.org/')" => r#""https""#),
];
