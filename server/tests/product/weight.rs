//! What the pages weigh, by `simone bench pages`.

use crate::support::database::{Database, Kind};
use crate::support::folder;
use crate::support::product::Product;
use serde_json::Value;

/// With everything that a page loads, as it comes over the network.
const HEAVIEST: u64 = 60_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_page_is_measured_and_light() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let folder = folder(&format!("weight-{kind:?}"));
        let database = Database::create(kind, &folder).await;
        let product = Product::new("bench", &folder, "http://127.0.0.1/".parse().unwrap(), Vec::new());
        let arguments = ["bench", "pages", "--page-requests", "3", "--database-url", &database.url];
        let output = product.run(&arguments).await;
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let pages: Vec<&str> = lines.iter().map(|line| line["page"].as_str().unwrap()).collect();
        assert!(
            pages.contains(&"/agenda") && pages.contains(&"/settings/calendars/{connection}"),
            "{pages:?}"
        );
        for line in &lines {
            assert_eq!(line["case"], "pages");
            assert!(line["first_byte_ms_p95"].as_f64() >= line["first_byte_ms_median"].as_f64(), "{line}");
            let number = |name: &str| line[name].as_u64().unwrap();
            assert!(number("bytes_compressed") < number("bytes"), "{line}");
            assert!(number("bytes") < number("bytes_with_everything"), "{line}");
            assert!(number("bytes_with_everything_compressed") < HEAVIEST, "{line}");
        }
        let agenda = lines.iter().find(|line| line["page"] == "/agenda").unwrap();
        assert!(agenda["bytes"].as_u64() > Some(15_000), "a busy week: {agenda}");
        database.remove().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
