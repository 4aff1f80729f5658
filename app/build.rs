//! Makes the one stylesheet (the files of `style/`, then the utility classes that the components use) and the module of
//! the texts.
//!
//! The stylesheet and the module of `public/live.js` are served under names that hold their content's hash, so that a browser may keep it for good.

use encre_css::preflight::Preflight;
use encre_css::{Config, Scanner};
use leptos_i18n_parser::parse_locales::options::{Config as TextsConfig, ParseOptions};
use leptos_i18n_parser::parse_locales::parse_locales;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=locales");
    println!("cargo::rerun-if-changed=../style");
    println!("cargo::rerun-if-changed=../public/live.js");

    let mut css = String::new();
    for part in ["tokens.css", "base.css", "components.css", "agenda.css", "visit.css"] {
        css += &fs::read_to_string(Path::new("../style").join(part))?;
    }
    css += &positions();
    css += &utilities(Path::new("src"))?;
    let css = minified(&css);

    let live = without_comments(&fs::read_to_string("../public/live.js")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("style.css"), &css)?;
    fs::write(out.join("live.js"), &live)?;
    println!("cargo::rustc-env=SIMONE_STYLE=style-{}.css", hash(&css));
    println!("cargo::rustc-env=SIMONE_LIVE=live-{}.js", hash(&live));
    fs::write(out.join("i18n.rs"), texts())
}

/// Names a content.
fn hash(content: &str) -> String {
    Sha256::digest(content).iter().take(6).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A script without indentation and comments, which stand on lines of their own.
fn without_comments(script: &str) -> String {
    let is_code = |line: &&str| {
        !line.is_empty() && !["//", "/*", "* ", "*/"].iter().any(|begins| line.starts_with(begins))
    };
    script.lines().map(str::trim).filter(is_code).fold(String::new(), |code, line| code + line + "\n")
}

/// The module `i18n`. `leptos_i18n::load_locales!` would make it too, but without texts as strings, which attributes
/// need; `leptos_i18n_build` as well, but only with half of ICU's data tools.
fn texts() -> String {
    let config = TextsConfig::new("fr")
        .and_then(|config| config.add_locale("en"))
        .expect("the codes of the languages are names")
        .parse_options(ParseOptions::new().interpolate_display(true));
    let folder = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    match parse_locales(Some(folder.into()), config)
        .and_then(|texts| leptos_i18n_codegen::gen_code(&texts, None, false, None, false))
    {
        Ok(module) => module.to_string(),
        Err(error) => panic!("the texts in `locales/` cannot be read: {error}"),
    }
}

/// The places of the week's grid, in quarters of an hour: the content security policy allows no inline styles, so
/// each place is a class. `fN` begins at quarter N, `lN` lasts N quarters, `hN` is a grid of N hours.
fn positions() -> String {
    let mut css = String::from("@media (width >= 900px) {\n");
    for quarter in 0..96 {
        let _ = writeln!(css, ".f{quarter}{{grid-row-start:{}}}", quarter + 1);
    }
    for length in 1..=96 {
        let _ = writeln!(css, ".l{length}{{grid-row-end:span {length}}}");
    }
    for hours in 1..=24 {
        let _ = writeln!(css, ".h{hours}{{--hours:{hours}}}");
    }
    for lanes in 2..=6 {
        let _ = writeln!(css, ".of{lanes}{{--lanes:{lanes}}}");
    }
    for lane in 1..6 {
        let _ = writeln!(css, ".n{lane}{{--lane:{lane}}}");
    }
    css + "}\n"
}

/// The utility classes named in `class="…"` anywhere below `folder`.
fn utilities(folder: &Path) -> std::io::Result<String> {
    let mut sources = Vec::new();
    read_sources(folder, &mut sources)?;
    let mut config = Config::default();
    config.preflight = Preflight::None;
    config.scanner = Scanner::from_fn(|source| {
        source
            .split("class=\"")
            .skip(1)
            .filter_map(|rest| rest.split_once('"'))
            .flat_map(|(classes, _)| classes.split_whitespace())
            .collect::<BTreeSet<&str>>()
    });
    for color in
        ["paper", "surface", "sunken", "line", "ink", "ink-2", "ink-3", "accent", "warn", "bad", "ok"]
    {
        config.theme.colors.add(color, format!("var(--{color})"));
    }
    Ok(encre_css::generate(sources.iter().map(String::as_str), &config))
}

fn read_sources(folder: &Path, into: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    // The order of a directory is not fixed; the stylesheet's name must be.
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            read_sources(&entry.path(), into)?;
        } else {
            into.push(fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

/// Without comments, line ends and indentation. The sources keep quoted strings free of both.
fn minified(css: &str) -> String {
    let mut text = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        text += before;
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    text += rest;
    let mut dense = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        dense += line;
        // A selector or value may go on in the next line.
        if !line.ends_with(['{', '}', ';', ',']) {
            dense.push(' ');
        }
    }
    dense.replace(" {", "{").replace(": ", ":").replace(", ", ",").replace("; }", "}").replace(";}", "}")
}
