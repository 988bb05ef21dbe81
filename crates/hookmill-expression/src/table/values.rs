//! Functions of collections, conversions, objects and XML.

use super::{Evaluator::Lazy, Evaluator::Strict, Function, row};
use crate::{collection, conversion, form, logic, uri};

pub(super) static COLLECTIONS: &[Function] = &[
    row!(Collection, "contains(collection, value)", 2..=2, Strict(collection::contains), "Whether a text contains a text, an array an element, an object a property.", "@contains('refs/heads/main', 'heads')" => "true"),
    row!(Collection, "empty(collection)", 1..=1, Strict(collection::empty), "Whether a text, array or object has nothing in it; null is empty.", "@empty('')" => "true"),
    row!(Collection, "first(collection)", 1..=1, Strict(collection::first), "The first element or character; null of an empty array.", "@first(createArray(1, 2, 3))" => "1"),
    row!(Collection, "last(collection)", 1..=1, Strict(collection::last), "The last element or character; null of an empty array.", "@last(createArray(1, 2, 3))" => "3"),
    row!(Collection, "skip(collection, count)", 2..=2, Strict(collection::skip), "What remains behind the first elements.", "@skip(createArray(1, 2, 3), 1)" => "[2,3]"),
    row!(Collection, "take(collection, count)", 2..=2, Strict(collection::take), "The first elements.", "@take(createArray(1, 2, 3), 2)" => "[1,2]"),
    row!(Collection, "union(collection, collection, …)", 2.., Strict(collection::union), "All different elements, or all properties; of equal names the last value wins.", "@union(createArray(1, 2), createArray(2, 3))" => "[1,2,3]"),
    row!(Collection, "intersection(collection, collection, …)", 2.., Strict(collection::intersection), "The elements or properties that all have.", "@intersection(createArray(1, 2), createArray(2, 3))" => "[2]"),
    row!(Collection, "join(array, delimiter)", 2..=2, Strict(collection::join), "The elements as one text with the delimiter between them.", "@join(createArray('a', 'b'), ', ')" => r#""a, b""#),
    row!(Collection, "reverse(array)", 1..=1, Strict(collection::reverse), "The elements in opposite order.", "@reverse(createArray(1, 2, 3))" => "[3,2,1]"),
    row!(Collection, "sort(array, property?)", 1..=2, Strict(collection::sort), "The elements in ascending order, objects by a property.", "@sort(createArray(3, 1, 2))" => "[1,2,3]"),
    row!(Collection, "item()", 0..=0, Strict(collection::item), "The element of the innermost loop or of the data operation.", "@item()?['id']" => "7"),
    row!(Collection, "items(loop)", 1..=1, Strict(collection::items), "The element that a loop is at.", "@items('For_each')?['id']" => "7"),
    row!(Collection, "iterationIndexes(loop)", 1..=1, Strict(collection::iteration_indexes), "The index that a loop is at, from 0.", "@iterationIndexes('Until')" => "2"),
];

pub(super) static CONVERSIONS: &[Function] = &[
    row!(Conversion, "array(value)", 1..=1, Strict(conversion::array), "An array of this one element.", "@array('a')" => r#"["a"]"#),
    row!(Conversion, "createArray(value, …)", 1.., Strict(conversion::array), "An array of these elements.", "@createArray(1, 'a', true)" => r#"[1,"a",true]"#),
    row!(Conversion, "base64(value)", 1..=1, Strict(conversion::base64), "The base64 of a text or content.", "@base64('hello')" => r#""aGVsbG8=""#),
    row!(Conversion, "base64ToString(text)", 1..=1, Strict(conversion::base64_to_string), "The text that base64 stands for.", "@base64ToString('aGVsbG8=')" => r#""hello""#),
    row!(Conversion, "decodeBase64(text)", 1..=1, Strict(conversion::base64_to_string), "The same as base64ToString.", "@decodeBase64('aGVsbG8=')" => r#""hello""#),
    row!(Conversion, "base64ToBinary(text)", 1..=1, Strict(conversion::base64_to_binary), "The content that base64 stands for.", "@base64ToBinary('aGVsbG8=')" => r#"{"$content-type":"application/octet-stream","$content":"aGVsbG8="}"#),
    row!(Conversion, "binary(value)", 1..=1, Strict(conversion::binary), "The content of a text.", "@binary('hello')" => r#"{"$content-type":"application/octet-stream","$content":"aGVsbG8="}"#),
    row!(Conversion, "bool(value)", 1..=1, Strict(conversion::bool), "A boolean of a number or of the texts true and false.", "@bool('true')" => "true"),
    row!(Conversion, "dataUri(value)", 1..=1, Strict(conversion::data_uri), "The data address of a text or content.", "@dataUri('hello')" => r#""data:text/plain;charset=utf-8;base64,aGVsbG8=""#),
    row!(Conversion, "dataUriToBinary(uri)", 1..=1, Strict(conversion::data_uri_to_binary), "The content of a data address.", "@dataUriToBinary('data:text/plain;base64,aGVsbG8=')" => r#"{"$content-type":"text/plain","$content":"aGVsbG8="}"#),
    row!(Conversion, "dataUriToString(uri)", 1..=1, Strict(conversion::data_uri_to_string), "The text of a data address.", "@dataUriToString('data:text/plain;base64,aGVsbG8=')" => r#""hello""#),
    row!(Conversion, "decodeDataUri(uri)", 1..=1, Strict(conversion::decode_data_uri), "What a data address holds: text, JSON or content.", "@decodeDataUri('data:application/json,%5B1%5D')" => "[1]"),
    row!(Conversion, "decimal(value)", 1..=1, Strict(conversion::decimal), "An exact decimal number.", "@string(add(decimal('0.10'), decimal('0.20')))" => r#""0.30""#),
    row!(Conversion, "float(value, locale?)", 1..=2, Strict(conversion::float), "A floating-point number of a text.", "@float('10,5', 'de-DE')" => "10.5"),
    row!(Conversion, "int(value)", 1..=1, Strict(conversion::int), "An integer of a text.", "@int('42')" => "42"),
    row!(Conversion, "isInt(text)", 1..=1, Strict(conversion::is_int), "Whether int would accept the text.", "@isInt('4.2')" => "false"),
    row!(Conversion, "isFloat(text, locale?)", 1..=2, Strict(conversion::is_float), "Whether float would accept the text.", "@isFloat('4.2')" => "true"),
    row!(Conversion, "json(value)", 1..=1, Strict(conversion::json), "The value that a JSON text or XML stands for.", r#"@json('{"a":1}')"# => r#"{"a":1}"#),
    row!(Conversion, "string(value)", 1..=1, Strict(conversion::string), "The value as text; objects and arrays as JSON.", "@string(createArray(1, 2))" => r#""[1,2]""#),
    row!(Conversion, "uriComponent(value)", 1..=1, Strict(uri::component), "The value for use inside an address.", "@uriComponent('a b/c')" => r#""a%20b%2Fc""#),
    row!(Conversion, "encodeUriComponent(value, …)", 1.., Strict(uri::component), "The same as uriComponent; further arguments, which some flows give, are not used.", "@encodeUriComponent('a b')" => r#""a%20b""#),
    row!(Conversion, "uriComponentToString(text)", 1..=1, Strict(uri::component_to_string), "The text that uriComponent encoded.", "@uriComponentToString('a%20b')" => r#""a b""#),
    row!(Conversion, "decodeUriComponent(text)", 1..=1, Strict(uri::component_to_string), "The same as uriComponentToString.", "@decodeUriComponent('a%20b')" => r#""a b""#),
    row!(Conversion, "uriComponentToBinary(text)", 1..=1, Strict(uri::component_to_binary), "The bytes that uriComponent encoded, as content.", "@uriComponentToBinary('hello')" => r#"{"$content-type":"application/octet-stream","$content":"aGVsbG8="}"#),
    row!(Conversion, "xml(value)", 1..=1, Strict(conversion::xml), "XML of a text or of an object with one property.", r#"@string(xml(json('{"name":"Ada"}')))"# => r#""<name>Ada</name>""#),
    row!(Conversion, "triggerFormDataValue(key)", 1..=1, Strict(form::value), "The value of a field of the form that started the run.", "@triggerFormDataValue('color')" => r#""green""#),
    row!(Conversion, "triggerFormDataMultiValues(key)", 1..=1, Strict(form::multi_values), "All values of a field of the form that started the run.", "@triggerFormDataMultiValues('color')" => r#"["green"]"#),
    row!(Conversion, "formDataValue(action, key)", 2..=2, Strict(form::value), "The value of a field of the form that an action received.", "@formDataValue('Get_form', 'color')" => r#""green""#),
    row!(Conversion, "formDataMultiValues(action, key)", 2..=2, Strict(form::multi_values), "All values of a field of the form that an action received.", "@formDataMultiValues('Get_form', 'color')" => r#"["green"]"#),
    row!(Conversion, "triggerMultipartBody(index)", 1..=1, Strict(form::multipart_body), "A part of the multipart body that started the run.", "@triggerMultipartBody(0)" => r#""part""#),
    row!(Conversion, "multipartBody(action, index)", 2..=2, Strict(form::multipart_body), "A part of the multipart body that an action received.", "@multipartBody('Get_form', 0)" => r#""part""#),
];

pub(super) static MANIPULATION: &[Function] = &[
    row!(Manipulation, "addProperty(object, name, value)", 3..=3, Strict(collection::add_property), "The object with one more property; the name must be new.", r#"@addProperty(json('{"a":1}'), 'b', 2)"# => r#"{"a":1,"b":2}"#),
    row!(Manipulation, "setProperty(object, name, value)", 3..=3, Strict(collection::set_property), "The object with the property set.", r#"@setProperty(json('{"a":1}'), 'a', 2)"# => r#"{"a":2}"#),
    row!(Manipulation, "removeProperty(object, name)", 2..=2, Strict(collection::remove_property), "The object without the property.", r#"@removeProperty(json('{"a":1,"b":2}'), 'a')"# => r#"{"b":2}"#),
    row!(Manipulation, "mergeObjects(object, object)", 2..=2, Strict(collection::merged), "Both objects as one; the second wins.", r#"@mergeObjects(json('{"a":1}'), json('{"a":2,"b":3}'))"# => r#"{"a":2,"b":3}"#),
    row!(Manipulation, "coalesce(value, …)", 1.., Lazy(logic::coalesce), "The first value that is not null.", "@coalesce(null, 'ada')" => r#""ada""#),
    row!(Manipulation, "xpath(xml, path)", 2..=2, Strict(conversion::xpath), "What an XPath 1.0 expression finds; node sets become arrays.", "@xpath(xml('<a><b>1</b><b>2</b></a>'), 'sum(/a/b)')" => "3"),
];
