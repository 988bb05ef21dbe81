//! The index is whole, is searched by words, and says what does not run here.

use super::*;

#[test]
fn the_index_is_whole() {
    let public = gallery().iter().filter(|own| own.source == GallerySource::Public).count();
    assert_eq!(public, INDEX.lines().count(), "every line is an entry");
    assert!(public > 1_000, "{public}");
    assert_eq!(COLLECTION_COMMIT.trim().len(), 40);
    for entry in gallery() {
        assert!(!entry.title.is_empty() && !entry.id.is_empty() && !entry.licence.is_empty(), "{entry:?}");
        assert_eq!(entry.verdict == Verdict::Full, entry.refused_by.is_empty(), "{}", entry.id);
        let is_marked = entry.definition.1.len() == 43 && entry.definition.0.starts_with(&entry.id);
        assert!(entry.source == GallerySource::Shipped || is_marked, "{}", entry.id);
    }
    let full = gallery().iter().filter(|own| own.verdict == Verdict::Full).count();
    assert!(full * 10 > gallery().len() * 8, "{full} of {}", gallery().len());
}

#[test]
fn what_comes_with_the_product_runs_in_full_and_is_found_first() {
    let shipped: Vec<_> = gallery().iter().filter(|own| own.source == GallerySource::Shipped).collect();
    assert_eq!(shipped.len(), PREBUILT.len());
    assert!(shipped.iter().all(|own| own.verdict == Verdict::Full));
    let found = search_gallery("hubspot");
    assert_eq!(found[0].id, "hubspot");
    assert!(found.iter().any(|own| own.source == GallerySource::Public), "the collection has one too");
    assert_eq!(search_gallery("no connector is called like this"), Vec::<&GalleryEntry>::new());
    assert_eq!(search_gallery("").len(), gallery().len());
}

#[test]
fn a_line_says_what_cannot_run() {
    let definition = br#"{"swagger":"2.0","info":{"title":"A\tB","version":"1"},"host":"a.example","x-ms-connector-metadata":[{"propertyName":"Categories","propertyValue":"Data;AI"}],
        "paths":{"/a":{"get":{"operationId":"A"}},"/b":{"get":{"operationId":"B"}}}}"#;
    let properties = br#"{"properties":{"publisher":"Ada","scriptOperations":["B"]}}"#;
    let files = CollectedFiles {
        folder: "x/A",
        definition: ("x/A/d.json", definition),
        properties: Some(("x/A/p.json", properties)),
    };
    let entry = entry_of_line(&index_line(&files)).unwrap();
    assert_eq!((entry.title.as_str(), entry.publisher.as_str(), entry.categories.len()), ("A B", "Ada", 2));
    assert_eq!(
        (entry.verdict, entry.refused_count, &entry.refused_by[..]),
        (Verdict::Partly, 1, &["script".to_owned()][..])
    );
    assert_eq!(entry.properties, Some(("x/A/p.json".to_owned(), file_mark(properties))));
    let broken = CollectedFiles { folder: "x/C", definition: ("x/C/d.json", b"{"), properties: None };
    let entry = entry_of_line(&index_line(&broken)).unwrap();
    assert_eq!((entry.verdict, entry.title.as_str(), entry.properties), (Verdict::Not, "C", None));
}
