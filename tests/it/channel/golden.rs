//! Files that hold what was agreed to be sent. `CALLOUT_UPDATE_GOLDEN=1` writes them anew, to be looked at before committing.

use std::path::PathBuf;

/// Compares `text` with the file of that name under `tests/data/channel`.
#[track_caller]
pub fn check(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/channel").join(name);
    if std::env::var_os("CALLOUT_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    if agreed != text {
        let at = agreed.lines().zip(text.lines()).position(|(a, b)| a != b).unwrap_or(agreed.lines().count());
        let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").chars().take(300).collect::<String>();
        panic!(
            "{name}, line {}:\n  agreed: {}\n  now:    {}\nCALLOUT_UPDATE_GOLDEN=1 accepts what is now",
            at + 1,
            line(&agreed),
            line(text)
        );
    }
}
