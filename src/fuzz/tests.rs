//! The inputs that were worth keeping, once more.

use std::fs;
use std::path::Path;

use super::*;

#[test]
#[allow(
    clippy::print_stdout,
    reason = "seen only if a check fails: the input it fails on"
)]
fn every_input_of_the_corpora_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (target, check) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(corpora.join(target)).unwrap() {
            let path = entry.unwrap().path();
            println!("checking {}", path.display());
            check(&fs::read(&path).unwrap());
            count += 1;
        }
        assert!(count > 0, "no input for {target}");
    }
}
